#include "feed/http/json_records.h"

#include <fmt/core.h>
#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace penstock::feed::http {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// The value of member `name`; a name that is written with escapes is found too, which find_field would not do.
std::optional<ondemand::value> member(ondemand::object object, std::string_view name) {
  for (auto field : object) {
    std::string_view key;
    ondemand::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return std::nullopt;
    if (key == name) {
      if (field.value().get(value) != simdjson::SUCCESS) return std::nullopt;
      return value;
    }
  }
  return std::nullopt;
}

// Follows a dotted path down from `value`.
std::optional<ondemand::value> descend(ondemand::value value, std::string_view path) {
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
    const auto next = member(object, name);
    if (!next) return std::nullopt;
    value = *next;
  }
  return value;
}

// The text of a value as it stands in the body; reading goes on behind it.
std::optional<std::string_view> raw_text(ondemand::value value) {
  std::string_view raw;
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return std::nullopt;
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
    if (object.raw_json().get(raw) != simdjson::SUCCESS) return std::nullopt;
  } else if (type == ondemand::json_type::array) {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return std::nullopt;
    if (array.raw_json().get(raw) != simdjson::SUCCESS) return std::nullopt;
  } else {
    raw = value.raw_json_token();
  }
  return trim(raw);
}

// The id of a record as text, or the reason why it has none.
struct IdOrReason {
  std::string id;
  std::string reason;
};

IdOrReason id_of(ondemand::parser& parser, std::string_view record, std::string_view path) {
  const simdjson::padded_string padded(record);
  ondemand::document document;
  ondemand::value root;
  // A record that is a bare text or number has no members, so it never has an id.
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS || document.get_value().get(root) != simdjson::SUCCESS)
    return {{}, fmt::format("the record has no id at '{}'", path)};
  const auto found = descend(root, path);
  if (!found) return {{}, fmt::format("the record has no id at '{}'", path)};
  ondemand::value value = *found;
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return {{}, fmt::format("the id at '{}' cannot be read", path)};
  std::string id;
  if (type == ondemand::json_type::string) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS)
      return {{}, fmt::format("the id at '{}' is no valid text", path)};
    id = text;
  } else if (type == ondemand::json_type::number) {
    id = trim(value.raw_json_token());
    // 1.0, 1e0 and 1 are one number and three texts.
    if (id.find_first_of(".eE") != std::string::npos)
      return {{}, fmt::format("the id at '{}' is neither a text nor an integer", path)};
  } else {
    return {{}, fmt::format("the id at '{}' is neither a text nor an integer", path)};
  }
  if (id.empty()) return {{}, fmt::format("the id at '{}' is empty", path)};
  if (id.size() > kIdBytesMax)
    return {{}, fmt::format("the id at '{}' has {} bytes, more than {}", path, id.size(), kIdBytesMax)};
  return {std::move(id), {}};
}

class Taker {
 public:
  Taker(std::string_view body, std::string_view records_path, std::string_view id_path)
      : body_(body), padded_(body), records_path_(records_path), id_path_(id_path) {}

  JsonRecords run() {
    // On-demand parsing checks only what it reads: that the whole is JSON in UTF-8 is found out first, without its
    // limits on the size of a number.
    if (!nlohmann::json::accept(body_)) return whole_fault("the answer is not JSON in UTF-8");
    ondemand::document document;
    ondemand::value root;
    if (parser_.iterate(padded_).get(document) != simdjson::SUCCESS)
      return whole_fault("the answer cannot be read as JSON records");
    // A document that is a bare text or number is refused here.
    if (document.get_value().get(root) != simdjson::SUCCESS)
      return whole_fault("the answer is neither an object nor an array");
    const auto place = descend(root, records_path_);
    if (!place) return whole_fault(fmt::format("the answer has nothing at '{}'", records_path_));
    ondemand::value value = *place;
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return whole_fault("the answer cannot be read as JSON records");
    if (type == ondemand::json_type::object) {
      if (!take(value)) return whole_fault("the answer cannot be read as JSON records");
    } else if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (value.get_array().get(array) != simdjson::SUCCESS)
        return whole_fault("the answer cannot be read as JSON records");
      for (auto element : array) {
        ondemand::value item;
        if (element.get(item) != simdjson::SUCCESS || !take(item))
          return whole_fault("the answer cannot be read as JSON records: it nests too deep");
      }
    } else {
      return whole_fault(fmt::format("what the answer has at '{}' is neither an array nor an object", records_path_));
    }
    return std::move(result_);
  }

 private:
  bool take(ondemand::value value) {
    const auto raw = raw_text(value);
    if (!raw) return false;
    const std::string_view text = in_body(*raw);
    ++number_;
    IdOrReason id;
    if (!id_path_.empty()) id = id_of(id_parser_, text, id_path_);
    if (id.reason.empty())
      result_.records.push_back({text, std::move(id.id)});
    else
      result_.faults.push_back({number_, std::move(id.reason), text});
    return true;
  }

  // The same stretch of the caller's bytes.
  [[nodiscard]] std::string_view in_body(std::string_view padded) const {
    return body_.substr(static_cast<size_t>(padded.data() - padded_.data()), padded.size());
  }

  JsonRecords whole_fault(std::string reason) const { return {{}, {{0, std::move(reason), body_}}}; }

  const std::string_view body_;
  const simdjson::padded_string padded_;
  const std::string_view records_path_;
  const std::string_view id_path_;
  ondemand::parser parser_;
  ondemand::parser id_parser_;
  JsonRecords result_;
  size_t number_ = 0;
};

}  // namespace

JsonRecords take_records(std::string_view body, std::string_view records_path, std::string_view id_path) {
  if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  return Taker(body, records_path, id_path).run();
}

}  // namespace penstock::feed::http
