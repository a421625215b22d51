#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backend.h"
#include "measure.h"

/// The programs' language: a command a line, a name and then key=value, all
/// separated by tabs; each is answered by one line of JSON.
///
///   info                                              → {"version"}
///   load id= model= threads= workers= mode= [provider=]   → {}
///   carry id= model= threads= inputs= pairs= outputs= steps=   → {}, to be run as `load`'s
///   run id= ms= batch=                                → {"count", "p50", …} in ns
///   throughput id= ms=                                → {"runs", "seconds"}
///   create model= threads= ms= apart= source=         → {"count", "p50", …} in ns
///   peak model= threads= source=                      → {"bytes"} resident, at most, while loading
///   memory model= threads=                            → {"bytes"} private, of a model that has run
///   unload id=                                        → {}
namespace onlite::bench {
namespace {

using Arguments = std::map<std::string, std::string>;

/// Members in the order of need: runners end before their model.
struct Loaded {
  std::unique_ptr<LoadedModel> model;
  std::vector<std::unique_ptr<Runner>> runners;
};

std::vector<std::string> SplitTabs(const std::string& line) {
  std::vector<std::string> parts(1);
  for (const char letter : line) {
    if (letter == '\t') {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

const std::string& Text(const Arguments& arguments, const std::string& key) {
  const auto found = arguments.find(key);
  if (found == arguments.end()) Fail("missing argument: " + key);
  return found->second;
}

int64_t Number(const Arguments& arguments, const std::string& key) {
  return std::max<int64_t>(std::strtoll(Text(arguments, key).c_str(), nullptr, 10), 1);
}

Mode ModeOf(const std::string& text) {
  if (text == "bound") return Mode::kBound;
  if (text == "given") return Mode::kGiven;
  if (text == "fresh") return Mode::kFresh;
  if (text == "device") return Mode::kDevice;
  Fail("unknown mode: " + text);
}

Source SourceOf(const std::string& text) {
  if (text == "bytes") return Source::kBytes;
  if (text == "path") return Source::kPath;
  Fail("unknown source: " + text);
}

/// A line of a file in /proc/self that begins with `key`, in bytes; Linux only.
int64_t ProcessBytes(const std::string& name, const std::string& key) {
  std::ifstream file("/proc/self/" + name);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::strtoll(line.c_str() + key.size(), nullptr, 10) * 1024;
  }
  Fail(key + " cannot be read here");
}

/// The memory that only this process has and that it has written; Linux only. What
/// is private and clean is pages of files, and shared once another process has them.
int64_t PrivateBytes() { return ProcessBytes("smaps_rollup", "Private_Dirty:"); }

/// The parts of a list that `separator` divides; none of an empty text.
std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

/// Inputs are name:dims:value separated by commas, dims by x; the value is a number or
/// `varies`. Pairs are output:input.
CarryPlan CarryPlanOf(const Arguments& arguments) {
  CarryPlan plan;
  for (const std::string& text : Split(Text(arguments, "inputs"), ',')) {
    const std::vector<std::string> parts = Split(text, ':');
    CarryPlan::Input& input = plan.inputs.emplace_back();
    input.name = parts.at(0);
    for (const std::string& dim : Split(parts.at(1), 'x')) {
      input.dims.push_back(std::strtoll(dim.c_str(), nullptr, 10));
    }
    input.varies = parts.at(2) == "varies";
    if (!input.varies) input.value = std::strtoll(parts.at(2).c_str(), nullptr, 10);
  }
  for (const std::string& text : Split(Text(arguments, "pairs"), ',')) {
    const std::vector<std::string> parts = Split(text, ':');
    plan.pairs.emplace_back(parts.at(0), parts.at(1));
  }
  plan.outputs = Split(Text(arguments, "outputs"), ',');
  plan.steps = Number(arguments, "steps");
  return plan;
}

class Session {
 public:
  explicit Session(Backend* backend) : backend_(backend) {}

  std::string Answer(const std::string& command, const Arguments& arguments) {
    if (command == "info") return R"("version":")" + backend_->version() + "\"";
    if (command == "load") return Load(arguments);
    if (command == "carry") return Carry(arguments);
    if (command == "run") {
      return Summary(MeasureLatency(Find(arguments).runners.at(0).get(), Duration(arguments),
                                    Number(arguments, "batch")));
    }
    if (command == "throughput") return RunThroughput(arguments);
    if (command == "create") return Create(arguments);
    if (command == "peak") return Peak(arguments);
    if (command == "memory") return Memory(arguments);
    if (command == "unload") {
      models_.erase(Text(arguments, "id"));
      return "";
    }
    Fail("unknown command: " + command);
  }

 private:
  static int64_t Duration(const Arguments& arguments) {
    return Number(arguments, "ms") * 1'000'000;
  }

  std::unique_ptr<LoadedModel> LoadModel(const Arguments& arguments, Source source) {
    const auto provider = arguments.find("provider");
    return backend_->Load(Text(arguments, "model"), static_cast<int>(Number(arguments, "threads")),
                          source, provider != arguments.end() ? provider->second : "");
  }

  Loaded& Find(const Arguments& arguments) {
    const auto found = models_.find(Text(arguments, "id"));
    if (found == models_.end()) Fail("not loaded: " + Text(arguments, "id"));
    return found->second;
  }

  std::string Load(const Arguments& arguments) {
    Loaded loaded;
    loaded.model = LoadModel(arguments, Source::kBytes);
    const int64_t workers = Number(arguments, "workers");
    for (int64_t index = 0; index < workers; ++index) {
      loaded.runners.push_back(loaded.model->MakeRunner(ModeOf(Text(arguments, "mode"))));
      loaded.runners.back()->Run();
    }
    models_.insert_or_assign(Text(arguments, "id"), std::move(loaded));
    return "";
  }

  std::string Carry(const Arguments& arguments) {
    Loaded loaded;
    loaded.model = LoadModel(arguments, Source::kBytes);
    loaded.runners.push_back(loaded.model->MakeCarrier(CarryPlanOf(arguments)));
    loaded.runners.back()->Run();
    models_.insert_or_assign(Text(arguments, "id"), std::move(loaded));
    return "";
  }

  std::string RunThroughput(const Arguments& arguments) {
    std::vector<Runner*> runners;
    for (const auto& runner : Find(arguments).runners) runners.push_back(runner.get());
    const Throughput result = MeasureThroughput(runners, Duration(arguments));
    return "\"runs\":" + std::to_string(result.runs) +
           ",\"seconds\":" + std::to_string(result.seconds);
  }

  std::string Create(const Arguments& arguments) {
    const Source source = SourceOf(Text(arguments, "source"));
    std::vector<double> samples;
    const auto create = [&] {
      const int64_t end = NowNs() + Duration(arguments);
      do {
        const int64_t start = NowNs();
        const auto model = LoadModel(arguments, source);
        samples.push_back(static_cast<double>(NowNs() - start));
      } while (NowNs() < end);
    };
    if (Number(arguments, "apart") != 0) {
      std::thread(create).join();
    } else {
      create();
    }
    return Summary(std::move(samples));
  }

  std::string Peak(const Arguments& arguments) {
    std::ofstream("/proc/self/clear_refs") << '5';  // the highest so far is what is there now
    const int64_t before = ProcessBytes("status", "VmRSS:");
    const auto model = LoadModel(arguments, SourceOf(Text(arguments, "source")));
    return "\"bytes\":" + std::to_string(ProcessBytes("status", "VmHWM:") - before);
  }

  std::string Memory(const Arguments& arguments) {
    const int64_t before = PrivateBytes();
    const auto model = LoadModel(arguments, Source::kBytes);
    const auto runner = model->MakeRunner(Mode::kBound);
    for (int index = 0; index < 10; ++index) runner->Run();
    return "\"bytes\":" + std::to_string(PrivateBytes() - before);
  }

  Backend* const backend_;
  std::map<std::string, Loaded> models_;
};

}  // namespace

void Fail(const std::string& message) {
  std::cerr << message << '\n';
  std::exit(1);
}

int Serve(Backend* backend) {
  Session session(backend);
  std::string line;
  while (std::getline(std::cin, line)) {
    const std::vector<std::string> parts = SplitTabs(line);
    Arguments arguments;
    for (size_t index = 1; index < parts.size(); ++index) {
      const size_t equals = parts[index].find('=');
      if (equals == std::string::npos) Fail("not key=value: " + parts[index]);
      arguments[parts[index].substr(0, equals)] = parts[index].substr(equals + 1);
    }
    std::cout << '{' << session.Answer(parts[0], arguments) << '}' << std::endl;
  }
  return 0;
}

}  // namespace onlite::bench
