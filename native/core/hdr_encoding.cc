#include "core/hdr_encoding.h"

#include <bit>
#include <string>
#include <utility>

namespace onlite {
namespace {

constexpr uint32_t kCookieBase = 0x1c849303;
constexpr uint32_t kWordSizeBits = 0xf0;
constexpr uint32_t kWordSize = 0x10;  // of counts as zigzag LEB128
constexpr size_t kHeaderBytes = 40;
constexpr size_t kLengthOffset = 4;
constexpr unsigned kMaxWordBytes = 9;
constexpr uint64_t kMaxSamples = uint64_t{1} << 53;

template <typename Unsigned>
void PutBigEndian(Unsigned value, uint8_t* at) {
  for (size_t byte = sizeof(Unsigned); byte-- > 0; value >>= 8) at[byte] = value & 0xff;
}

template <typename Unsigned>
Unsigned BigEndian(const uint8_t* at) {
  Unsigned value = 0;
  for (size_t byte = 0; byte < sizeof(Unsigned); ++byte) {
    value = static_cast<Unsigned>(value << 8) | at[byte];
  }
  return value;
}

/// 7 bits a byte, the lowest first; the ninth byte has 8.
void PutWord(uint64_t word, std::vector<uint8_t>* bytes) {
  for (unsigned byte = 1; word >= 0x80 && byte < kMaxWordBytes; ++byte, word >>= 7) {
    bytes->push_back(static_cast<uint8_t>(word | 0x80));
  }
  bytes->push_back(static_cast<uint8_t>(word));
}

void PutCount(uint64_t count, std::vector<uint8_t>* bytes) { PutWord(count << 1, bytes); }

void PutZeros(size_t zeros, std::vector<uint8_t>* bytes) {
  if (zeros == 0) return;
  // A single one is a count as others are.
  PutWord(zeros == 1 ? 0 : (uint64_t{zeros} << 1) - 1, bytes);
}

bool TakeWord(std::span<const uint8_t>* bytes, uint64_t* word) {
  *word = 0;
  for (unsigned byte = 0; byte < kMaxWordBytes; ++byte) {
    if (bytes->empty()) return false;
    const uint64_t next = bytes->front();
    *bytes = bytes->subspan(1);
    const bool is_last = byte + 1 == kMaxWordBytes;
    *word |= (is_last ? next : next & 0x7f) << (7 * byte);
    if (is_last || (next & 0x80) == 0) return true;
  }
  return true;
}

Status Malformed(std::string what) {
  return {ErrorCode::kInvalidArgument, "the encoded histogram is damaged: " + std::move(what)};
}

Status DecodeCounts(std::span<const uint8_t> payload, const HistogramLayout& layout,
                    HistogramSnapshot* snapshot) {
  std::vector<uint64_t> counts;  // from `first` on
  size_t first = 0;
  size_t index = 0;
  uint64_t samples = 0;
  while (!payload.empty()) {
    uint64_t word = 0;
    if (!TakeWord(&payload, &word)) return Malformed("a count is cut off");
    const size_t left = layout.counts() - index;
    if ((word & 1) != 0) {
      const uint64_t zeros = (word >> 1) + 1;
      if (zeros > left) return Malformed("more counts than its range has");
      index += static_cast<size_t>(zeros);
      continue;
    }
    if (left == 0) return Malformed("more counts than its range has");
    const uint64_t count = word >> 1;
    if (count > kMaxSamples - samples) return Malformed("more than 2^53 samples");
    samples += count;
    if (count != 0) {
      if (counts.empty()) first = index;
      counts.resize(index - first + 1);
      counts.back() = count;
    }
    ++index;
  }
  *snapshot = HistogramSnapshot(layout, first, std::move(counts));
  return Status::Ok();
}

}  // namespace

std::vector<uint8_t> EncodeHdr(const HistogramSnapshot& snapshot) {
  const HistogramLayout& layout = snapshot.layout();
  std::vector<uint8_t> bytes(kHeaderBytes);
  PutBigEndian(kCookieBase | kWordSize, bytes.data());
  PutBigEndian(uint32_t{0}, &bytes[8]);  // index offset
  PutBigEndian(static_cast<uint32_t>(layout.digits()), &bytes[12]);
  PutBigEndian(layout.lowest(), &bytes[16]);
  PutBigEndian(layout.highest(), &bytes[24]);
  PutBigEndian(std::bit_cast<uint64_t>(1.0), &bytes[32]);  // integer to double conversion ratio

  const std::vector<uint64_t>& counts = snapshot.counts();
  if (counts.empty()) PutCount(0, &bytes);
  size_t zeros = snapshot.first();
  for (const uint64_t count : counts) {
    if (count == 0) {
      ++zeros;
      continue;
    }
    PutZeros(std::exchange(zeros, 0), &bytes);
    PutCount(count, &bytes);
  }
  PutBigEndian(static_cast<uint32_t>(bytes.size() - kHeaderBytes), &bytes[kLengthOffset]);
  return bytes;
}

Status DecodeHdr(std::span<const uint8_t> bytes, HistogramSnapshot* snapshot) {
  if (bytes.size() < kHeaderBytes) return Malformed("shorter than its header");
  if ((BigEndian<uint32_t>(bytes.data()) & ~kWordSizeBits) != kCookieBase) {
    return Malformed("not of version 2");
  }
  const auto length = BigEndian<uint32_t>(&bytes[kLengthOffset]);
  if (length > bytes.size() - kHeaderBytes) return Malformed("cut off");
  const auto digits = BigEndian<uint32_t>(&bytes[12]);
  if (digits > 5) return Malformed("significant digits: expected 0 to 5");
  HistogramLayout layout = HistogramLayout::Latency();
  const Status status =
      HistogramLayout::Make(static_cast<int>(digits), BigEndian<uint64_t>(&bytes[16]),
                            BigEndian<uint64_t>(&bytes[24]), &layout);
  if (!status.ok()) return Malformed(status.message());
  return DecodeCounts(bytes.subspan(kHeaderBytes, length), layout, snapshot);
}

}  // namespace onlite
