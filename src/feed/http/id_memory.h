// Remembers the newest ids, so that a record that is answered again and again is taken once.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>

namespace penstock::feed::http {

// One thread.
class IdMemory {
 public:
  explicit IdMemory(size_t ids_max) : ids_max_(ids_max) {}

  // True when `id` was not remembered; it is now, and the oldest is forgotten when there are too many.
  bool remember(std::string_view id) {
    const auto [place, fresh] = ids_.emplace(id);
    if (!fresh) return false;
    // Elements of the set keep their place as long as they are in it.
    order_.push_back(&*place);
    if (order_.size() > ids_max_) {
      ids_.erase(ids_.find(*order_.front()));
      order_.pop_front();
    }
    return true;
  }

 private:
  const size_t ids_max_;
  std::unordered_set<std::string> ids_;
  std::deque<const std::string*> order_;
};

}  // namespace penstock::feed::http
