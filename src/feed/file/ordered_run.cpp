#include "feed/file/ordered_run.h"

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

namespace penstock::feed::file {

void LineNumbers::post(uint64_t index, uint64_t lines) {
  std::lock_guard lock(mutex_);
  ahead_.emplace_back(index, lines);
  for (;;) {
    auto found = std::ranges::find(ahead_, next_, &std::pair<uint64_t, uint64_t>::first);
    if (found == ahead_.end()) break;
    lines_ += found->second;
    ++next_;
    ahead_.erase(found);
  }
  changed_.notify_all();
}

std::optional<uint64_t> LineNumbers::before(uint64_t index) {
  std::unique_lock lock(mutex_);
  // A piece asks before it posts its own lines, so `next_` cannot run past it.
  changed_.wait(lock, [&] { return cancelled_ || next_ >= index; });
  if (cancelled_) return std::nullopt;
  return lines_;
}

void LineNumbers::cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

namespace {

class OrderedRun {
 public:
  OrderedRun(Emitter& emitter, std::stop_token stop, LineNumbers& numbers)
      : emitter_(emitter), stop_(std::move(stop)), numbers_(numbers) {}

  void work(PieceWorker& worker) {
    uint64_t index = 0;
    bool claimed = false;
    try {
      for (;;) {
        std::unique_lock lock(take_mutex_);
        if (ended_ || stop_.stop_requested() || failed()) return;
        index = next_index_++;
        claimed = true;
        auto more = worker.take();
        if (!more || !*more) ended_ = true;
        lock.unlock();
        if (!more) return fail_at(index, std::move(more).error());
        if (!*more) return;
        if (!process(worker, index)) return;
        claimed = false;
        worker.work_ahead();
      }
    } catch (const std::bad_alloc&) {
      report(claimed, index,
             Error{ErrorKind::full, "out of memory while reading a file: use fewer threads or a smaller chunk"});
    } catch (const std::exception& e) {
      report(claimed, index, Error{ErrorKind::io, e.what()});
    }
  }

  [[nodiscard]] Status result() {
    if (failure_) return std::unexpected(std::move(*failure_));
    return {};
  }

 private:
  bool process(PieceWorker& worker, uint64_t index) {
    // A piece keeps its turn until its last part, also after a stop: what follows it may be published then.
    for (bool more = true; more;) {
      auto decoded = worker.decode(index);
      if (!decoded) {
        fail_at(index, std::move(decoded).error());
        return false;
      }
      more = decoded->more;
      std::unique_ptr<PreparedChunk> prepared;
      if (decoded->chunk) {
        auto result = emitter_.prepare(std::move(*decoded->chunk));
        if (!result) {
          fail_at(index, std::move(result).error());
          return false;
        }
        prepared = std::move(*result);
      }
      if (!await_turn(index)) return false;
      Status status;
      if (prepared != nullptr) status = emitter_.publish(std::move(prepared));
      if (status && decoded->failure) status = std::unexpected(std::move(*decoded->failure));
      if (!status || !more) {
        more = false;
        end_turn(std::move(status));
      }
    }
    return !failed();
  }

  // False when the run failed at an earlier piece.
  bool await_turn(uint64_t index) {
    std::unique_lock lock(turn_mutex_);
    turn_changed_.wait(lock, [&] { return failure_.has_value() || turn_ == index; });
    return !failure_.has_value();
  }
  void end_turn(Status status) {
    const bool failing = !status;
    {
      std::lock_guard lock(turn_mutex_);
      ++turn_;
      if (failing) failure_ = std::move(status).error();
    }
    turn_changed_.notify_all();
    if (failing) numbers_.cancel();
  }
  // An error counts from its own piece on: pieces before it are published first.
  void fail_at(uint64_t index, Error error) {
    if (await_turn(index)) end_turn(std::unexpected(std::move(error)));
  }
  void report(bool claimed, uint64_t index, Error error) {
    // Others may wait for the line count of this piece, and this piece for their turn.
    numbers_.cancel();
    if (claimed) fail_at(index, std::move(error));
  }
  bool failed() {
    std::lock_guard lock(turn_mutex_);
    return failure_.has_value();
  }

  Emitter& emitter_;
  std::stop_token stop_;
  LineNumbers& numbers_;
  std::mutex take_mutex_;
  uint64_t next_index_ = 0;  // guarded by take_mutex_
  bool ended_ = false;       // guarded by take_mutex_
  std::mutex turn_mutex_;
  std::condition_variable turn_changed_;
  uint64_t turn_ = 0;              // guarded by turn_mutex_
  std::optional<Error> failure_;   // guarded by turn_mutex_
};

}  // namespace

Status run_in_order(std::vector<std::unique_ptr<PieceWorker>>& workers, Emitter& emitter, const std::stop_token& stop,
                    LineNumbers& numbers) {
  OrderedRun run(emitter, stop, numbers);
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < workers.size(); ++i) {
    threads.emplace_back([&run, worker = workers[i].get()] { run.work(*worker); });
  }
  if (!workers.empty()) run.work(*workers[0]);
  threads.clear();
  return run.result();
}

}  // namespace penstock::feed::file
