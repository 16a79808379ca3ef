#include "plan/syntax.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace penstock::plan {
namespace {

constexpr size_t kPathStepsMax = 32;
constexpr size_t kListItemsMax = 1'000;
constexpr size_t kNodesMax = 20'000;

struct Token {
  enum class Kind : uint8_t { end, number, text, word, quoted, symbol } kind = Kind::end;
  size_t offset = 0;
  std::string text;   // a word as written; a text or quoted name without its quotes
  std::string lower;  // a word in lower case
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

struct Failure {
  ExpressionError error;
};

// Turns the text into tokens, one at a time. Failures are thrown within this file only.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Token next() {
    skip_space();
    Token token;
    token.offset = at_;
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]) && !after_name_)) {
      read_number(token);
    } else if (c == '\'' || c == '"' || c == '`') {
      read_quoted(token, c);
    } else if (is_letter(c)) {
      while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
      token.kind = Token::Kind::word;
      token.text = text_.substr(token.offset, at_ - token.offset);
      token.lower = token.text;
      for (char& letter : token.lower) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
      }
    } else {
      token.kind = Token::Kind::symbol;
      for (std::string_view symbol : {"<=", ">=", "<>", "!=", "==", "||"}) {
        if (text_.substr(at_, 2) == symbol) token.text = symbol;
      }
      if (token.text.empty()) {
        if (std::string_view("+-*/%=<>(),.[]").find(c) == std::string_view::npos) {
          throw Failure{{at_, fmt::format("'{}' means nothing in an expression", c)}};
        }
        token.text = c;
      }
      at_ += token.text.size();
    }
    after_name_ = token.kind == Token::Kind::word || token.kind == Token::Kind::quoted || token.text == "]";
    return token;
  }

 private:
  void skip_space() {
    while (at_ < text_.size()) {
      if (text_.substr(at_, 2) == "--") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r') {
        ++at_;
      } else {
        return;
      }
    }
  }

  void read_number(Token& token) {
    token.kind = Token::Kind::number;
    const auto digits = [&] {
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    };
    digits();
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      digits();
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      const size_t exponent = at_;
      digits();
      if (at_ == exponent) throw Failure{{token.offset, "a number ends in an exponent without digits"}};
    }
    if (at_ < text_.size() && is_letter(text_[at_])) {
      throw Failure{
          {token.offset, "a number runs into a name; put a space between them, or the name in double quotes"}};
    }
    token.text = text_.substr(token.offset, at_ - token.offset);
  }

  void read_quoted(Token& token, char quote) {
    token.kind = quote == '\'' ? Token::Kind::text : Token::Kind::quoted;
    for (++at_;; ++at_) {
      if (at_ == text_.size()) {
        throw Failure{{token.offset, quote == '\'' ? "a text is not closed: ' is missing (write '' for a ' inside it)"
                                                   : fmt::format("a quoted name is not closed: {} is missing", quote)}};
      }
      if (text_[at_] != quote) {
        token.text += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == quote) {
        token.text += quote;
        ++at_;
      } else {
        break;
      }
    }
    ++at_;
    if (token.kind == Token::Kind::quoted && token.text.empty()) throw Failure{{token.offset, "a name is empty"}};
  }

  std::string_view text_;
  size_t at_ = 0;
  bool after_name_ = false;
};

bool is_reserved(std::string_view word) {
  for (std::string_view reserved : {"and", "or", "not", "is", "in", "like", "between", "case", "when", "then", "else",
                                    "end", "as", "div", "escape", "null", "true", "false"}) {
    if (word == reserved) return true;
  }
  return false;
}

// Binding powers, weakest first. Comparisons do not chain: `a < b < c` is refused.
enum Power : int { kOr = 1, kAnd = 2, kNot = 3, kCompare = 4, kConcat = 5, kAdd = 6, kMultiply = 7, kUnary = 8 };

bool is_comparison(std::string_view symbol) {
  for (std::string_view known : {"=", "==", "<>", "!=", "<", "<=", ">", ">="}) {
    if (symbol == known) return true;
  }
  return false;
}

int power_of(std::string_view symbol) {
  if (symbol == "+" || symbol == "-") return kAdd;
  if (symbol == "*" || symbol == "/" || symbol == "%") return kMultiply;
  if (symbol == "||") return kConcat;
  return is_comparison(symbol) ? kCompare : 0;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) { token_ = lexer_.next(); }

  SyntaxPtr parse() {
    if (token_.kind == Token::Kind::end) throw Failure{{0, "the expression is empty"}};
    SyntaxPtr tree = expression(0);
    if (token_.kind != Token::Kind::end) unexpected("an operator or the end");
    return tree;
  }

 private:
  [[noreturn]] void unexpected(std::string_view wanted) const {
    if (token_.kind == Token::Kind::end)
      throw Failure{{token_.offset, fmt::format("the expression ends where {} belongs", wanted)}};
    throw Failure{{token_.offset, fmt::format("'{}' stands where {} belongs", token_.text, wanted)}};
  }
  Token take() {
    Token taken = std::move(token_);
    token_ = lexer_.next();
    return taken;
  }
  [[nodiscard]] bool at_symbol(std::string_view symbol) const {
    return token_.kind == Token::Kind::symbol && token_.text == symbol;
  }
  [[nodiscard]] bool at_word(std::string_view word) const {
    return token_.kind == Token::Kind::word && token_.lower == word;
  }
  bool take_symbol(std::string_view symbol) {
    if (!at_symbol(symbol)) return false;
    take();
    return true;
  }
  bool take_word(std::string_view word) {
    if (!at_word(word)) return false;
    take();
    return true;
  }
  void need_symbol(std::string_view symbol) {
    if (!take_symbol(symbol)) unexpected(fmt::format("'{}'", symbol));
  }
  void need_word(std::string_view word) {
    if (!take_word(word)) unexpected(fmt::format("'{}'", word));
  }

  template <typename... Children>
  SyntaxPtr node(Syntax::Kind kind, size_t offset, std::string text, Children... children) {
    if (++nodes_ > kNodesMax) throw Failure{{offset, fmt::format("the expression has more than {} parts", kNodesMax)}};
    auto made = std::make_unique<Syntax>();
    made->kind = kind;
    made->offset = offset;
    made->text = std::move(text);
    (adopt(*made, std::move(children)), ...);
    return made;
  }
  static void adopt(Syntax& parent, SyntaxPtr child) {
    parent.depth = std::max(parent.depth, child->depth + 1);
    if (parent.depth > kExpressionDepthMax) {
      throw Failure{
          {child->offset, fmt::format("the expression is nested more than {} levels deep", kExpressionDepthMax)}};
    }
    parent.children.push_back(std::move(child));
  }

  SyntaxPtr expression(int least) {
    if (++depth_ > kExpressionDepthMax) {
      throw Failure{
          {token_.offset, fmt::format("the expression is nested more than {} levels deep", kExpressionDepthMax)}};
    }
    SyntaxPtr left = prefix();
    for (;;) {
      const size_t offset = token_.offset;
      if (token_.kind == Token::Kind::symbol) {
        const std::string symbol = token_.text;
        const int power = power_of(symbol);
        if (power == 0 || power <= least) break;
        take();
        SyntaxPtr right = expression(power);
        left = node(Syntax::Kind::binary, offset,
                    symbol == "=="   ? "="
                    : symbol == "!=" ? "<>"
                                     : symbol,
                    std::move(left), std::move(right));
        if (power == kCompare) refuse_chain();
      } else if (token_.kind == Token::Kind::word) {
        const std::string word = token_.lower;
        if (word == "and" || word == "or") {
          const int power = word == "and" ? kAnd : kOr;
          if (power <= least) break;
          take();
          SyntaxPtr right = expression(power);
          // A chain is one node, so that a long one is not deep.
          if (left->kind == Syntax::Kind::binary && left->text == word) {
            adopt(*left, std::move(right));
          } else {
            left = node(Syntax::Kind::binary, offset, word, std::move(left), std::move(right));
          }
        } else if (word == "div") {
          if (kMultiply <= least) break;
          take();
          SyntaxPtr right = expression(kMultiply);
          left = node(Syntax::Kind::binary, offset, word, std::move(left), std::move(right));
        } else if (word == "is" || word == "in" || word == "like" || word == "between" || word == "not") {
          if (kCompare <= least) break;
          left = predicate(std::move(left));
        } else {
          break;
        }
      } else {
        break;
      }
    }
    --depth_;
    return left;
  }

  void refuse_chain() const {
    if (token_.kind != Token::Kind::symbol) return;
    if (is_comparison(token_.text)) throw Failure{{token_.offset, "comparisons do not chain; write `a < b and b < c`"}};
  }

  // `is [not] null`, `[not] in (...)`, `[not] like ...`, `[not] between ... and ...`
  SyntaxPtr predicate(SyntaxPtr value) {
    const size_t offset = token_.offset;
    if (take_word("is")) {
      const bool negated = take_word("not");
      need_word("null");
      SyntaxPtr made = node(Syntax::Kind::is_null, offset, "", std::move(value));
      made->negated = negated;
      return made;
    }
    const bool negated = take_word("not");
    SyntaxPtr made;
    if (take_word("in")) {
      need_symbol("(");
      made = node(Syntax::Kind::in, offset, "", std::move(value));
      do {
        if (made->children.size() > kListItemsMax) {
          throw Failure{{token_.offset, fmt::format("a list has more than {} items", kListItemsMax)}};
        }
        adopt(*made, expression(0));
      } while (take_symbol(","));
      need_symbol(")");
    } else if (take_word("like")) {
      made = node(Syntax::Kind::like, offset, "", std::move(value), expression(kCompare));
    } else if (take_word("between")) {
      SyntaxPtr least = expression(kCompare);
      need_word("and");
      made = node(Syntax::Kind::between, offset, "", std::move(value), std::move(least), expression(kCompare));
    } else {
      unexpected("in, like or between");
    }
    made->negated = negated;
    return made;
  }

  SyntaxPtr prefix() {
    const Token token = take();
    switch (token.kind) {
      case Token::Kind::number: {
        const bool real = token.text.find_first_of("eE") != std::string::npos;
        const bool point = token.text.find('.') != std::string::npos;
        return node(real    ? Syntax::Kind::real
                    : point ? Syntax::Kind::decimal
                            : Syntax::Kind::integer,
                    token.offset, token.text);
      }
      case Token::Kind::text: return node(Syntax::Kind::text, token.offset, token.text);
      case Token::Kind::quoted: return name(token, true);
      case Token::Kind::word: return word(token);
      case Token::Kind::symbol:
        if (token.text == "(") {
          SyntaxPtr inside = expression(0);
          need_symbol(")");
          return inside;
        }
        if (token.text == "-" || token.text == "+") {
          SyntaxPtr value = expression(kUnary);
          return token.text == "+" ? std::move(value) : node(Syntax::Kind::unary, token.offset, "-", std::move(value));
        }
        break;
      case Token::Kind::end: break;
    }
    token_ = token;
    unexpected("a value");
  }

  SyntaxPtr word(const Token& token) {
    const std::string& word = token.lower;
    if (word == "true" || word == "false") return node(Syntax::Kind::boolean, token.offset, word);
    if (word == "null") return node(Syntax::Kind::null, token.offset, "");
    if (word == "not") return node(Syntax::Kind::unary, token.offset, "not", expression(kNot));
    if (word == "case") return choice(token);
    if (word == "timestamp" && token_.kind == Token::Kind::text) {
      const Token value = take();
      return node(Syntax::Kind::timestamp, token.offset, value.text);
    }
    if (at_symbol("(")) {
      if (word == "cast" || word == "try_cast") return cast(token);
      if (word == "extract") return extract(token);
      return call(token);
    }
    if (is_reserved(word)) {
      token_ = token;
      unexpected("a value");
    }
    return name(token, false);
  }

  SyntaxPtr name(const Token& token, bool quoted) {
    SyntaxPtr made = node(Syntax::Kind::name, token.offset, token.text);
    made->quoted = quoted;
    while (at_symbol(".") || at_symbol("[")) {
      if (made->path.size() == kPathStepsMax) {
        throw Failure{{token_.offset, fmt::format("a path has more than {} steps", kPathStepsMax)}};
      }
      if (take_symbol(".")) {
        if (token_.kind != Token::Kind::word && token_.kind != Token::Kind::quoted) unexpected("a field's name");
        made->path.push_back({.name = take().text});
      } else {
        take();
        JsonStep step{.is_index = true};
        const std::string& digits = token_.text;
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), step.index);
        if (token_.kind != Token::Kind::number || failure != std::errc{} || end != digits.data() + digits.size()) {
          unexpected("an item's number, counted from 0");
        }
        take();
        need_symbol("]");
        made->path.push_back(step);
      }
    }
    return made;
  }

  SyntaxPtr choice(const Token& token) {
    SyntaxPtr made = node(Syntax::Kind::choice, token.offset, "");
    // `case x when v` compares x; it is written out as `case when x = v`, for which x is read again each time.
    size_t operand_from = 0;
    const bool simple = !at_word("when");
    const Token first = token_;
    const Lexer restart = lexer_;
    if (simple) (void)expression(0);
    operand_from = first.offset;
    do {
      if (made->children.size() / 2 >= kListItemsMax) {
        throw Failure{{token_.offset, fmt::format("a case has more than {} branches", kListItemsMax)}};
      }
      need_word("when");
      SyntaxPtr condition = expression(0);
      if (simple) {
        const Token resume_token = token_;
        const Lexer resume = lexer_;
        token_ = first;
        lexer_ = restart;
        SyntaxPtr operand = expression(0);
        token_ = resume_token;
        lexer_ = resume;
        condition = node(Syntax::Kind::binary, operand_from, "=", std::move(operand), std::move(condition));
      }
      adopt(*made, std::move(condition));
      need_word("then");
      adopt(*made, expression(0));
    } while (at_word("when"));
    if (take_word("else")) {
      made->has_else = true;
      adopt(*made, expression(0));
    }
    need_word("end");
    return made;
  }

  SyntaxPtr cast(const Token& token) {
    need_symbol("(");
    SyntaxPtr value = expression(0);
    need_word("as");
    if (token_.kind != Token::Kind::word) unexpected("a type, such as bigint or text");
    SyntaxPtr made = node(Syntax::Kind::cast, token.offset, "", std::move(value));
    made->text = take().lower;
    made->tolerant = token.lower == "try_cast";
    if (take_symbol("(")) {
      do {
        int number = 0;
        const std::string& digits = token_.text;
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (token_.kind != Token::Kind::number || failure != std::errc{} || end != digits.data() + digits.size() ||
            made->numbers.size() == 2) {
          unexpected("a number of digits");
        }
        made->numbers.push_back(number);
        take();
      } while (take_symbol(","));
      need_symbol(")");
    }
    need_symbol(")");
    return made;
  }

  SyntaxPtr extract(const Token& token) {
    need_symbol("(");
    if (token_.kind != Token::Kind::word) unexpected("a field, such as hour");
    const std::string field = take().lower;
    need_word("from");
    SyntaxPtr made = node(Syntax::Kind::extract, token.offset, field, expression(0));
    need_symbol(")");
    return made;
  }

  SyntaxPtr call(const Token& token) {
    need_symbol("(");
    SyntaxPtr made = node(Syntax::Kind::call, token.offset, token.lower);
    if (!at_symbol(")")) {
      do {
        if (made->children.size() == kListItemsMax) {
          throw Failure{{token_.offset, fmt::format("a function has more than {} arguments", kListItemsMax)}};
        }
        adopt(*made, expression(0));
      } while (take_symbol(","));
    }
    need_symbol(")");
    return made;
  }

  Lexer lexer_;
  Token token_;
  int depth_ = 0;
  size_t nodes_ = 0;
};

}  // namespace

std::expected<SyntaxPtr, ExpressionError> parse_expression(std::string_view text) {
  if (text.size() > kExpressionBytesMax) {
    return std::unexpected(ExpressionError{
        0, fmt::format("the expression has {} bytes, at most {} are taken", text.size(), kExpressionBytesMax)});
  }
  try {
    return Parser(text).parse();
  } catch (const Failure& failure) {
    return std::unexpected(failure.error);
  }
}

}  // namespace penstock::plan
