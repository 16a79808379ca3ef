#include "store/store.h"

namespace penstock::store {

Result<Format> parse_format(std::string_view text) {
  if (text == "table") return Format::table;
  if (text == "csv") return Format::csv;
  if (text == "json") return Format::json;
  if (text == "jsonl") return Format::json_lines;
  if (text == "parquet") return Format::parquet;
  return fail(ErrorKind::invalid, "'{}' is no output format: write table, csv, json, jsonl or parquet", text);
}

}  // namespace penstock::store
