#include "runtime/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "feed/file/file_source.h"
#include "feed/http/http_source.h"
#include "feed/simulated/simulated_source.h"

namespace penstock::runtime {
namespace {

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

feed::FileOptions file_options(const plan::FileSource& file, plan::RecordKind kind) {
  feed::FileOptions options;
  options.path = file.path;
  options.format = file.format;
  options.compression = file.compression;
  switch (kind) {
    case plan::RecordKind::trade: options.record = feed::FileRecord::trade; break;
    case plan::RecordKind::quote: options.record = feed::FileRecord::quote; break;
    case plan::RecordKind::json: options.record = feed::FileRecord::json; break;
  }
  options.columns = file.columns;
  options.time_unit = file.time_unit;
  options.pace = file.pace;
  options.symbol = file.symbol;
  options.venue = file.venue;
  options.delimiter = file.delimiter;
  return options;
}

feed::SimulatedOptions simulated_options(const plan::SimulatedSource& simulated) {
  feed::SimulatedOptions options;
  options.seed = simulated.seed;
  options.symbols = simulated.symbols;
  options.symbol_count = simulated.symbol_count;
  options.trades_per_second = simulated.trades_per_second;
  options.pace = simulated.pace;
  options.start = simulated.start;
  options.duration = simulated.duration;
  options.late_fraction = simulated.late_fraction;
  options.duplicate_fraction = simulated.duplicate_fraction;
  options.cancel_fraction = simulated.cancel_fraction;
  options.correct_fraction = simulated.correct_fraction;
  options.quotes = !simulated.quotes_topic.empty();
  for (const plan::SimulatedSource::Halt& halt : simulated.halts) {
    options.halts.push_back({halt.symbol, halt.after, halt.length});
  }
  return options;
}

feed::HttpOptions http_options(const std::string& name, const plan::HttpSource& http) {
  feed::HttpOptions options;
  options.name = name;
  options.url = http.url;
  options.records = http.records;
  options.id = http.id;
  options.interval = http.interval;
  options.timeout = http.timeout;
  options.headers = http.headers;
  options.response_bytes_max = http.response_bytes_max;
  options.backoff_min = http.backoff_min;
  options.backoff_max = http.backoff_max;
  options.polls_max = http.polls_max;
  return options;
}

size_t topic_index(const plan::Plan& plan, const std::string& name) {
  const auto found = std::ranges::find(plan.topics, name, &plan::Topic::name);
  PENSTOCK_ASSERT(found != plan.topics.end());  // the plan's own checks say so
  return static_cast<size_t>(found - plan.topics.begin());
}

}  // namespace

Result<std::unique_ptr<feed::Source>> make_source(const plan::Source& source, market::SymbolTable& symbols,
                                                  Clock& clock, io::HttpClient& client) {
  using Made = Result<std::unique_ptr<feed::Source>>;
  Made made = std::visit(Overloaded{[&](const plan::FileSource& file) -> Made {
                                      return feed::make_file_source(file_options(file, source.kind), symbols, clock);
                                    },
                                    [&](const plan::HttpSource& http) -> Made {
                                      // The seed spreads retries of many processes; nothing that is kept depends on it.
                                      return feed::make_http_source(http_options(source.name, http), clock, client,
                                                                    std::random_device{}());
                                    },
                                    [&](const plan::SimulatedSource& simulated) -> Made {
                                      return feed::make_simulated_source(simulated_options(simulated), symbols, clock);
                                    }},
                         source.options);
  if (!made) return with_context(std::move(made).error(), "source " + source.name);
  return made;
}

Result<std::string> source_identity(const plan::Source& source) {
  if (const auto* file = std::get_if<plan::FileSource>(&source.options)) {
    PENSTOCK_TRY_ASSIGN(std::string text, feed::file_identity(file->path));
    // How it is read decides what its records are.
    text += fmt::format(" format {} {} unit {} delimiter {} symbol {} venue {} paced {}", file->format,
                        file->compression, static_cast<int>(file->time_unit), file->delimiter,
                        file->symbol.value_or(""), file->venue.value_or(""), file->pace.has_value());
    for (const auto& [name, in_file] : file->columns) text += fmt::format(" {}={}", name, in_file);
    return text;
  }
  if (const auto* simulated = std::get_if<plan::SimulatedSource>(&source.options)) {
    std::string text =
        fmt::format("pace {} quotes {} seed {} symbols {} {} rate {} start {} duration {} late {} duplicates {}",
                    simulated->pace.value_or(0), !simulated->quotes_topic.empty(), simulated->seed,
                    fmt::join(simulated->symbols, ","), simulated->symbol_count, simulated->trades_per_second,
                    simulated->start.value_or(Timestamp{}).ns, simulated->duration.value_or(Duration{}).ns,
                    simulated->late_fraction, simulated->duplicate_fraction);
    if (simulated->cancel_fraction > 0 || simulated->correct_fraction > 0) {
      text += fmt::format(" cancels {} corrections {}", simulated->cancel_fraction, simulated->correct_fraction);
    }
    for (const plan::SimulatedSource::Halt& halt : simulated->halts) {
      text += fmt::format(" halt {} {} {}", halt.symbol, halt.after.ns, halt.length.ns);
    }
    return text;
  }
  return std::get<plan::HttpSource>(source.options).url;
}

std::vector<size_t> source_topics(const plan::Plan& plan, const plan::Source& source) {
  std::vector<size_t> topics{topic_index(plan, source.topic)};
  if (const auto* simulated = std::get_if<plan::SimulatedSource>(&source.options);
      simulated != nullptr && !simulated->quotes_topic.empty()) {
    topics.push_back(topic_index(plan, simulated->quotes_topic));
  }
  return topics;
}

}  // namespace penstock::runtime
