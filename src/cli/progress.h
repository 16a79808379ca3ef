// Shows how a run goes on: one line that is rewritten on a terminal, plain lines now and then when piped.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "runtime/pipeline.h"

namespace penstock::cli {

// Prints from its own thread until destroyed. Borrows the pipeline.
class Progress {
 public:
  Progress(const runtime::Pipeline& pipeline, bool quiet);
  ~Progress();

 private:
  void run(bool terminal);

  const runtime::Pipeline& pipeline_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace penstock::cli
