#include "base/suggestion.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace penstock {
namespace {

constexpr size_t kNameBytesMax = 64;  // longer names are not compared: the distance costs the product of the lengths
constexpr size_t kListedMax = 20;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The optimal string alignment distance, without regard to case.
size_t edit_distance(std::string_view a, std::string_view b) {
  using Row = std::array<size_t, kNameBytesMax + 1>;
  Row before_last{};
  Row last{};
  Row row{};
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string suggestion(std::string_view wrong, const std::vector<std::string>& known) {
  if (wrong.empty() || wrong.size() > kNameBytesMax) return {};
  const std::string* nearest = nullptr;
  size_t least = std::max<size_t>(1, wrong.size() / 3) + 1;
  for (const std::string& name : known) {
    if (name.size() > kNameBytesMax) continue;
    if (const size_t distance = edit_distance(wrong, name); distance < least) {
      least = distance;
      nearest = &name;
    }
  }
  return nearest == nullptr ? std::string{} : fmt::format("; did you mean '{}'?", *nearest);
}

std::string list_names(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i == kListedMax) return text + fmt::format(", and {} more", names.size() - i);
    if (i > 0) text += ", ";
    text += names[i];
  }
  return text;
}

}  // namespace penstock
