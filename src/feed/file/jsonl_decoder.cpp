#include "feed/file/jsonl_decoder.h"

#include <simdjson.h>

#include <cstring>
#include <optional>
#include <utility>

#include "feed/file/json_scan.h"
#include "market/schema.h"

namespace penstock::feed::file {
namespace {

static_assert(PaddedBuffer::kPadding >= simdjson::SIMDJSON_PADDING);

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_json_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_json_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string json_reason(simdjson::error_code error) {
  return std::string("not a JSON object: ") + simdjson::error_message(error);
}

class JsonlDecoder final : public LineDecoder {
 public:
  explicit JsonlDecoder(BatchBuilder builder) : builder_(std::move(builder)) {
    for (size_t field = 0; field < builder_.specs().size(); ++field) {
      const FieldSpec& spec = builder_.specs()[field];
      if (spec.constant) continue;
      order_.push_back(members_.size());
      members_.emplace_back(spec.name_in_file, field);
    }
  }

 protected:
  void begin(size_t rows) override { builder_.begin(rows); }
  market::Batch finish() override { return builder_.finish(); }
  size_t rows() const override { return builder_.rows(); }

  Done decode_lines(std::string_view lines) override {
    uint64_t line = 0;
    size_t begin = 0;
    for (; begin < lines.size() && !rejects_full(); ++line) {
      const size_t end = lines.find('\n', begin);
      decode_line(lines.substr(begin, end - begin), line, begin);
      begin = end + 1;
    }
    return {line, begin};
  }

 private:
  static constexpr size_t kNoField = ~size_t{0};
  // Names of the file that are known to be of no field: so many are remembered.
  static constexpr size_t kOtherMembersMax = 64;
  struct Member {
    Member(std::string_view text, size_t index) : name(text), field(index) {}
    JsonName name;
    size_t field;
  };

  void decode_line(std::string_view raw, uint64_t line, size_t line_begin) {
    const std::string_view text = trim(raw);
    if (text.empty() || reject_if_long(line, raw)) return;
    if (set_plain_members(text) && builder_.commit_row()) [[likely]] {
      row(line_begin);
      return;
    }
    // What the short way does not understand or refuses is judged by the parser alone.
    builder_.drop_row();
    scratch_.clear();
    scratch_.reserve(text.size());  // so that it does not move while fields lie in it
    std::string reason;
    if (set_members(text, reason) && commit(reason)) {
      row(line_begin);
    } else {
      builder_.drop_row();
      reject(line, raw, std::move(reason));
    }
  }

  bool commit(std::string& reason) {
    if (builder_.commit_row()) return true;
    reason = builder_.reason();
    return false;
  }

  bool set_members(std::string_view text, std::string& reason) {
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    simdjson::error_code error =
        parser_.iterate(text.data(), text.size(), text.size() + simdjson::SIMDJSON_PADDING).get(document);
    if (error == simdjson::SUCCESS) error = document.get_object().get(object);
    if (error != simdjson::SUCCESS) {
      reason = json_reason(error);
      return false;
    }
    for (auto member : object) {
      std::string_view name;
      simdjson::ondemand::value value;
      if (error = member.unescaped_key().get(name); error != simdjson::SUCCESS) break;
      if (error = member.value().get(value); error != simdjson::SUCCESS) break;
      const Member* known = find(name);
      if (known == nullptr) continue;
      bool refused = false;
      error = set_value(value, known->field, refused);
      if (refused) {
        reason = builder_.reason();
        return false;
      }
      if (error != simdjson::SUCCESS) break;
    }
    if (error == simdjson::SUCCESS && document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
      error = simdjson::TRAILING_CONTENT;
    }
    if (error != simdjson::SUCCESS) reason = json_reason(error);
    return error == simdjson::SUCCESS;
  }

  // The short way, for the line that nearly every line is: an object of texts without escapes and of numbers, all
  // ASCII. It says true only where the parser would give the same fields.
  bool set_plain_members(std::string_view text) {
    if (!is_ascii(text) || text.back() != '}' || text.front() != '{') return false;
    const char* at = text.data() + 1;
    const char* const end = text.data() + text.size() - 1;  // the closing brace
    next_member_ = 0;
    for (;;) {
      at = skip_space(at);
      if (*at != '"') return false;
      const Member* member = find_at(++at, end);
      if (member == nullptr) return false;
      at = skip_space(at + member->name.text().size() + 1);
      if (*at != ':') return false;
      at = skip_space(at + 1);
      const char* value = at;
      const char* value_end = nullptr;
      if (*at == '"') {
        value_end = find_text_end(++value);
        if (value_end >= end || *value_end != '"') return false;
        at = value_end + 1;
      } else {
        if (*at != '-' && (*at < '0' || *at > '9')) return false;
        at = value_end = find_number_end(at);
      }
      if (member->field != kNoField && !builder_.set(member->field, value, static_cast<size_t>(value_end - value))) {
        return false;
      }
      at = skip_space(at);
      if (at >= end) return at == end;
      if (*at++ != ',') return false;
    }
  }

  // The line's end is no space, so this stops there.
  static const char* skip_space(const char* at) {
    while (is_json_space(*at)) ++at;
    return at;
  }

  // The member whose name and closing quote stand at `at`. Members mostly come in the same order in every line, so each
  // is kept at the place where it came last.
  const Member* find_at(const char* at, const char* end) {
    for (size_t i = next_member_; i < order_.size(); ++i) {
      const Member& member = members_[order_[i]];
      if (!member.name.is_at(at, end)) continue;
      if (i != next_member_) std::swap(order_[i], order_[next_member_]);
      ++next_member_;
      return &member;
    }
    for (size_t i = 0; i < next_member_; ++i) {
      const Member& member = members_[order_[i]];
      if (member.name.is_at(at, end)) return &member;
    }
    const char* const name_end = find_text_end(at);
    if (name_end >= end || *name_end != '"' || members_.size() >= builder_.specs().size() + kOtherMembersMax)
      return nullptr;
    order_.push_back(members_.size());
    members_.emplace_back(std::string_view(at, name_end), kNoField);
    return &members_.back();
  }

  const Member* find(std::string_view name) const {
    for (const Member& member : members_) {
      if (member.name.text() == name && member.field != kNoField) return &member;
    }
    return nullptr;
  }

  simdjson::error_code set_value(simdjson::ondemand::value value, size_t field, bool& refused) {
    simdjson::ondemand::json_type type{};
    if (const auto error = value.type().get(type); error != simdjson::SUCCESS) return error;
    std::string_view text;
    switch (type) {
      case simdjson::ondemand::json_type::null: {
        bool null = false;
        if (const auto error = value.is_null().get(null); error != simdjson::SUCCESS) return error;
        if (!null) return simdjson::N_ATOM_ERROR;
        builder_.set_null(field);
        return simdjson::SUCCESS;
      }
      case simdjson::ondemand::json_type::boolean: {
        bool flag = false;
        if (const auto error = value.get_bool().get(flag); error != simdjson::SUCCESS) return error;
        text = copy(flag ? "true" : "false");
        break;
      }
      case simdjson::ondemand::json_type::number:
        text = trim(value.raw_json_token());
        for (const char c : text) {
          if (!is_number_byte(c)) return simdjson::NUMBER_ERROR;
        }
        break;
      case simdjson::ondemand::json_type::string: {
        const std::string_view token = trim(value.raw_json_token());
        if (token.size() >= 2 && token.back() == '"' && std::memchr(token.data(), '\\', token.size()) == nullptr) {
          text = token.substr(1, token.size() - 2);
        } else {
          std::string_view unescaped;
          if (const auto error = value.get_string().get(unescaped); error != simdjson::SUCCESS) return error;
          text = copy(unescaped);
        }
        break;
      }
      case simdjson::ondemand::json_type::array:
      case simdjson::ondemand::json_type::object:
        if (const auto error = simdjson::to_json_string(value).get(text); error != simdjson::SUCCESS) return error;
        break;
    }
    refused = !builder_.set(field, text.data(), text.size());
    return simdjson::SUCCESS;
  }

  // Into memory with padding.
  std::string_view copy(std::string_view text) {
    const size_t begin = scratch_.size();
    scratch_.append(text);
    return {scratch_.data() + begin, text.size()};
  }

  BatchBuilder builder_;
  std::vector<Member> members_;
  std::vector<size_t> order_;  // of members_, as they came last
  size_t next_member_ = 0;
  simdjson::ondemand::parser parser_;
  PaddedBuffer scratch_;  // unescaped texts of one line
};

class JsonValueDecoder final : public LineDecoder {
 public:
  JsonValueDecoder(const std::vector<FieldSpec>& specs, TimeUnit time_unit, Timestamp received)
      : received_(received), time_unit_(time_unit) {
    for (const FieldSpec& spec : specs) {
      if (spec.name == spec.name_in_file) continue;
      if (spec.column == market::JsonColumn::key) key_name_ = spec.name_in_file;
      if (spec.column == market::JsonColumn::ts_recv) ts_recv_name_ = spec.name_in_file;
    }
  }

 protected:
  void begin(size_t rows) override {
    batch_ = market::make_batch(market::json_schema());
    batch_.columns[market::JsonColumn::key].all_null = !key_name_;
    batch_.columns[market::JsonColumn::ts_recv].i64.reserve(rows);
  }
  market::Batch finish() override { return std::move(batch_); }
  size_t rows() const override { return batch_.rows; }

  Done decode_lines(std::string_view lines) override {
    uint64_t line = 0;
    size_t begin = 0;
    for (; begin < lines.size() && !rejects_full(); ++line) {
      const size_t end = lines.find('\n', begin);
      const std::string_view raw = lines.substr(begin, end - begin);
      const std::string_view text = trim(raw);
      begin = end + 1;
      if (text.empty() || reject_if_long(line, raw)) continue;
      if (std::string reason = decode_value(text); !reason.empty()) reject(line, raw, std::move(reason));
    }
    return {line, begin};
  }

 private:
  // Why not, or empty.
  std::string decode_value(std::string_view text) {
    simdjson::dom::element value;
    const auto error = parser_.parse(text.data(), text.size(), false).get(value);
    if (error != simdjson::SUCCESS) return std::string("not JSON: ") + simdjson::error_message(error);
    Timestamp received = received_;
    std::string member;
    if (ts_recv_name_ && member_text(value, *ts_recv_name_, member)) {
      const TimeError time_error = parse_time(member, time_unit_, received);
      if (time_error != TimeError::ok) {
        return "ts_recv: " + std::string(to_string(time_error)) + ": " + quote_for_message(member);
      }
    }
    if (key_name_) {
      const bool present = member_text(value, *key_name_, member);
      market::Column& key = batch_.columns[market::JsonColumn::key];
      key.text.append(present ? std::string_view(member) : std::string_view());
      key.valid.push_back(present ? 1 : 0);
    }
    batch_.columns[market::JsonColumn::value].text.append(text);
    batch_.columns[market::JsonColumn::ts_recv].i64.push_back(received.ns);
    ++batch_.rows;
    return {};
  }

  // A member that is a text or a number, as text.
  static bool member_text(simdjson::dom::element value, const std::string& name, std::string& out) {
    simdjson::dom::element member;
    if (value.at_key(name).get(member) != simdjson::SUCCESS) return false;
    if (member.is_string()) {
      out = std::string(std::string_view(member));
      return true;
    }
    if (!member.is_number()) return false;
    out = simdjson::minify(member);
    return true;
  }

  Timestamp received_;
  TimeUnit time_unit_;
  std::optional<std::string> key_name_;
  std::optional<std::string> ts_recv_name_;
  simdjson::dom::parser parser_;
  market::Batch batch_;
};

}  // namespace

std::unique_ptr<LineDecoder> make_jsonl_decoder(BatchBuilder builder) {
  return std::make_unique<JsonlDecoder>(std::move(builder));
}

std::unique_ptr<LineDecoder> make_json_value_decoder(const std::vector<FieldSpec>& specs, TimeUnit time_unit,
                                                     Timestamp received) {
  return std::make_unique<JsonValueDecoder>(specs, time_unit, received);
}

}  // namespace penstock::feed::file
