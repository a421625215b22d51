#include "runtimes/tflite/model/schema.h"

namespace onlite::tflite::schema {

ElementType ElementTypeOf(int8_t type) {
  switch (type) {
    case kFloat32: return ElementType::kFloat32;
    case kFloat16: return ElementType::kFloat16;
    case kInt32: return ElementType::kInt32;
    case kUInt8: return ElementType::kUInt8;
    case kInt64: return ElementType::kInt64;
    case kString: return ElementType::kString;
    case kBool: return ElementType::kBool;
    case kInt16: return ElementType::kInt16;
    case kComplex64: return ElementType::kComplex64;
    case kInt8: return ElementType::kInt8;
    case kFloat64: return ElementType::kFloat64;
    case kComplex128: return ElementType::kComplex128;
    case kUInt64: return ElementType::kUInt64;
    case kUInt32: return ElementType::kUInt32;
    case kUInt16: return ElementType::kUInt16;
    case kInt4: return ElementType::kInt4;
    case kBFloat16: return ElementType::kBFloat16;
    default: return ElementType::kUndefined;
  }
}

}  // namespace onlite::tflite::schema
