// Several threads that read, decode and prepare pieces of a source at once, and publish them in order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "feed/source.h"

namespace penstock::feed::file {

// Sums that grow with each piece: the lines before it. Thread-safe.
class LineNumbers {
 public:
  // Piece `index` has `lines`; said once for each piece, in any order.
  void post(uint64_t index, uint64_t lines);
  // The lines of all pieces before `index`, which must not be posted yet; waits until each of them was. Nothing after
  // `cancel`.
  [[nodiscard]] std::optional<uint64_t> before(uint64_t index);
  void cancel();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<uint64_t, uint64_t>> ahead_;  // guarded by mutex_: posted before their turn
  uint64_t next_ = 0;  // guarded by mutex_: pieces below it are in lines_
  uint64_t lines_ = 0;  // guarded by mutex_
  bool cancelled_ = false;  // guarded by mutex_
};

// One thread's part in a run.
class PieceWorker {
 public:
  virtual ~PieceWorker() = default;
  // Claims the next piece, under a lock that all workers of a run share. False when there is none.
  [[nodiscard]] virtual Result<bool> take() = 0;
  // The claimed piece, or the next part of it, as a chunk or nothing to publish. `index` counts the pieces of the run.
  struct Decoded {
    std::optional<Chunk> chunk;
    std::optional<Error> failure;  // ends the run once the chunk is published
    bool more = false;  // of the piece is left: asked for once this part is published
  };
  [[nodiscard]] virtual Result<Decoded> decode(uint64_t index) = 0;
  // Called while no piece is claimed, so that no other worker waits for this one: the time for what later pieces need.
  // Throws nothing.
  virtual void work_ahead() {}
};

// Runs one thread a worker until a worker's take gives false, a stop, or an error; all threads have ended then. What
// came before a failing piece is published. `numbers` is cancelled when the run fails.
[[nodiscard]] Status run_in_order(std::vector<std::unique_ptr<PieceWorker>>& workers, Emitter& emitter,
                                  const std::stop_token& stop, LineNumbers& numbers);

}  // namespace penstock::feed::file
