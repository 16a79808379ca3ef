// A running pipeline: the rooms put together, started and shut down in order.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "feed/source.h"
#include "io/http_client.h"
#include "log/log.h"
#include "plan/plan.h"
#include "runtime/committer.h"
#include "runtime/data_dir.h"
#include "runtime/ingest.h"
#include "runtime/report.h"
#include "runtime/worker.h"
#include "store/store.h"

namespace penstock::serve {
class Server;
}

namespace penstock::runtime {

struct RunOptions {
  std::string data_dir = "data";
  std::string listen = "127.0.0.1:8080";
};

class Pipeline {
 public:
  // Opens or makes the data folder, goes on where the last commit was, and starts everything. Borrows all arguments.
  [[nodiscard]] static Result<std::unique_ptr<Pipeline>> start(const plan::Plan& plan, const RunOptions& options,
                                                               Clock& clock, io::FileSystem& files);
  ~Pipeline();

  // host:port of the HTTP server.
  [[nodiscard]] const std::string& address() const { return address_; }
  // Blocks until a stop is asked for, something fails or, with `until_end`, every source has ended.
  void wait(const std::stop_token& stop, bool until_end);
  // Stops the sources, processes and commits what they gave, and ends everything. Gives the first error there was.
  [[nodiscard]] Status finish();
  // Any thread, at any time before destruction.
  [[nodiscard]] RunReport report() const;
  // Nothing once it is started and nothing has failed.
  [[nodiscard]] std::optional<std::string> why_not_ready() const;
  // True when what it shows is invented by a simulated source.
  [[nodiscard]] bool simulated() const;

 private:
  struct RunningSource {
    size_t index = 0;  // into Plan::sources
    std::unique_ptr<feed::Source> source;
    std::unique_ptr<Ingest> ingest;
    uint64_t position = 0;    // where it starts
    bool ended = false;       // guarded by mutex_: its thread is done
    std::thread thread;
  };

  Pipeline(const plan::Plan& plan, Clock& clock, io::FileSystem& files, DataDir data_dir);
  [[nodiscard]] Status open();
  [[nodiscard]] Status make_workers();
  [[nodiscard]] Status make_sources();
  [[nodiscard]] Status start_server(const std::string& listen);
  void start_threads();
  void run_source(RunningSource& running);
  // Stores what engines that failed have to say of it, and nothing else: offsets and state stay where they were.
  [[nodiscard]] Status store_failures();
  // A source's error: the others are stopped, and what was read is still processed and committed.
  void fail_with(const Error& error);
  // A worker's or a commit's error: nothing can be processed any more.
  void abort_with(const Error& error);

  // Constant after construction.
  const plan::Plan& plan_;
  Clock& clock_;
  io::FileSystem& files_;
  const Timestamp started_at_;
  DataDir data_dir_;
  std::string address_;
  bool threads_started_ = false;  // false to the end where the start failed

  std::unique_ptr<io::HttpClient> http_client_;
  market::SymbolTable symbols_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<store::Store> store_;
  store::Committed committed_;  // as it was at the start
  std::vector<std::unique_ptr<TopicRoute>> routes_;  // as Plan::topics
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<RunningSource>> sources_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<serve::Server> server_;

  std::stop_source stop_sources_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Error> error_;  // guarded by mutex_: the first one
  bool started_ = false;        // guarded by mutex_
  bool finished_ = false;       // guarded by mutex_
};

}  // namespace penstock::runtime
