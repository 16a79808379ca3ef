#include "store/duckdb/tables.h"

#include <charconv>
#include <map>

#include "market/schema.h"

namespace penstock::store::duck {
namespace {

constexpr std::string_view kOwnSchema = "penstock";

// The columns of the file's tables and views, by schema and name.
using FoundTables = std::map<std::pair<std::string, std::string>, std::vector<FoundColumn>>;
using Meta = std::map<std::string, std::string>;

// Where the meta table says which columns are a table's key. The file has no index on them: see
// docs/decisions/store-upsert.md.
std::string key_entry(const TableName& name) { return fmt::format("key of {}.{}", name.schema, name.table); }

std::string key_text(const market::Schema& schema, const std::vector<size_t>& key) {
  std::string text;
  for (const size_t column : key) {
    if (!text.empty()) text += ", ";
    text += schema.fields[column].name;
  }
  return text;
}

Status check_columns(const TableSpec& spec, const std::vector<FoundColumn>& found, bool has_json) {
  const market::Schema& schema = *spec.schema;
  constexpr std::string_view kAdvice = "give the table another name in the pipeline, or use another data directory";
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    const std::string& name = schema.fields[i].name;
    const std::string wanted = sql_type(schema, i, has_json);
    if (i >= found.size()) {
      return fail(ErrorKind::invalid, "table {} in the store has no column {} ({}), which the pipeline wants: {}",
                  spec.name, name, wanted, kAdvice);
    }
    if (found[i].name != name) {
      return fail(ErrorKind::invalid, "table {} in the store has {} as column {} where the pipeline wants {}: {}",
                  spec.name, found[i].name, i + 1, name, kAdvice);
    }
    // A file made by a DuckDB without its JSON type keeps JSON as text, which is read and written alike.
    const bool json_as_text = schema.fields[i].type.kind == market::Kind::json && found[i].type == "VARCHAR";
    if (found[i].type != wanted && !json_as_text) {
      return fail(ErrorKind::invalid, "column {} of table {} is {} in the store, and the pipeline wants {}: {}", name,
                  spec.name, found[i].type, wanted, kAdvice);
    }
  }
  if (found.size() > schema.fields.size()) {
    return fail(ErrorKind::invalid, "table {} in the store has a column {} ({}), which the pipeline does not know: {}",
                spec.name, found[schema.fields.size()].name, found[schema.fields.size()].type, kAdvice);
  }
  return {};
}

Status make_table(duckdb_connection connection, const TableSpec& spec, const TableName& name, bool has_json) {
  const std::vector<FoundColumn> columns = columns_of(*spec.schema, has_json);
  const std::string what = fmt::format("making table {}", spec.name);
  PENSTOCK_TRY(run(
      connection,
      fmt::format("CREATE SCHEMA IF NOT EXISTS {}; INSERT INTO penstock.meta VALUES ({}, {})", quote_name(name.schema),
                  quote_text(key_entry(name)), quote_text(key_text(*spec.schema, spec.key))),
      what));
  if (keeps_revisions(spec)) return make_revisions(connection, name, columns);
  std::string list;
  for (const FoundColumn& column : columns) {
    list += (list.empty() ? "" : ", ") + quote_name(column.name) + " " + column.type;
  }
  return run(connection, fmt::format("CREATE TABLE {} ({})", name.quoted(), list), what);
}

// Of a table in the file, as far as revisions are told by it.
market::Schema schema_of(const std::vector<FoundColumn>& columns) {
  market::Schema schema;
  for (const FoundColumn& column : columns) {
    const market::Kind kind = column.type == "VARCHAR"     ? market::Kind::text
                              : column.type == "TIMESTAMP" ? market::Kind::timestamp
                              : column.type == "BIGINT"    ? market::Kind::int64
                              : column.type == "BOOLEAN"   ? market::Kind::boolean
                                                           : market::Kind::bytes;
    schema.fields.push_back({column.name, {kind}});
  }
  return schema;
}

// Format 1 had plain tables of bars, with one row a bar.
Status convert_from_1(duckdb_connection connection, const FoundTables& tables, const Meta& meta) {
  for (const auto& [where, columns] : tables) {
    const TableName name{where.first, where.second};
    const auto key = meta.find(key_entry(name));
    if (key == meta.end() || !key->second.empty() || !market::has_revisions(schema_of(columns))) continue;
    if (tables.contains({where.first, revisions_of(name).table})) {
      return fail(ErrorKind::invalid,
                  "the store has tables {0} and {0}_revisions, and this Penstock keeps the revisions of {0} under the"
                  " second name: use another data directory",
                  name.table);
    }
    PENSTOCK_TRY(convert_to_revisions(connection, name, columns));
  }
  return run(connection,
             fmt::format("UPDATE penstock.meta SET value = '{}' WHERE key = 'format_version'", kFormatVersion),
             "converting the store to a newer format");
}

Status make_or_check(duckdb_connection connection, const TableSpec& spec, const FoundTables& tables, const Meta& meta,
                     bool has_json) {
  PENSTOCK_TRY_ASSIGN(const TableName name, parse_table_name(spec.name));
  const auto found = tables.find({name.schema, name.table});
  if (found == tables.end()) {
    const std::string revisions = revisions_of(name).table;
    if (keeps_revisions(spec) && tables.contains({name.schema, revisions})) {
      return fail(ErrorKind::invalid,
                  "the revisions of table {} are kept as {}, and the store has a table of that name: give one of them"
                  " another name in the pipeline, or use another data directory",
                  spec.name, revisions);
    }
    return make_table(connection, spec, name, has_json);
  }
  PENSTOCK_TRY(check_columns(spec, found->second, has_json));
  const std::string wanted = key_text(*spec.schema, spec.key);
  const auto there = meta.find(key_entry(name));
  if (there == meta.end() || there->second != wanted) {
    return fail(ErrorKind::invalid,
                "table {} in the store has the key ({}), and the pipeline wants ({}): give the table another name in"
                " the pipeline, or use another data directory",
                spec.name, there == meta.end() ? "" : there->second, wanted);
  }
  return {};
}

// What one pipeline's tables are called may not clash with where the revisions of another are kept.
Status check_names(const std::vector<TableSpec>& specs) {
  for (const TableSpec& bars : specs) {
    if (!keeps_revisions(bars)) continue;
    PENSTOCK_TRY_ASSIGN(const TableName name, parse_table_name(bars.name));
    const TableName revisions = revisions_of(name);
    for (const TableSpec& spec : specs) {
      PENSTOCK_TRY_ASSIGN(const TableName other, parse_table_name(spec.name));
      if (other.schema != revisions.schema || other.table != revisions.table) continue;
      return fail(ErrorKind::invalid, "the revisions of table {} are kept as {}: give the table {} another name",
                  bars.name, revisions.table, spec.name);
    }
  }
  return {};
}

Status make_own_tables(duckdb_connection connection) {
  // State is compact, is replaced all the time, and some of it is megabytes: to compress it is wasted.
  return run(connection,
             fmt::format("CREATE SCHEMA penstock;"
                         "CREATE TABLE penstock.meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);"
                         "INSERT INTO penstock.meta VALUES ('format_version', '{}');"
                         "CREATE TABLE penstock.offsets (topic VARCHAR NOT NULL, partition INTEGER NOT NULL,"
                         " next BIGINT NOT NULL);"
                         "CREATE TABLE penstock.sources (name VARCHAR NOT NULL, position UBIGINT NOT NULL,"
                         " finished BOOLEAN NOT NULL, identity VARCHAR NOT NULL);"
                         "CREATE TABLE penstock.sequences (source VARCHAR NOT NULL, topic VARCHAR NOT NULL,"
                         " partition INTEGER NOT NULL, next BIGINT NOT NULL);"
                         "CREATE TABLE penstock.state (topic VARCHAR NOT NULL, partition INTEGER NOT NULL,"
                         " name VARCHAR NOT NULL, value BLOB NOT NULL USING COMPRESSION uncompressed)",
                         kFormatVersion),
             "making the store's own tables");
}

}  // namespace

Result<TableName> parse_table_name(const std::string& name) {
  TableName parsed;
  const size_t dot = name.find('.');
  if (dot != std::string::npos) parsed.schema = name.substr(0, dot);
  parsed.table = dot == std::string::npos ? name : name.substr(dot + 1);
  if (parsed.schema.empty() || parsed.table.empty() || name.find('\0') != std::string::npos) {
    return fail(ErrorKind::invalid, "'{}' is no table name: write `name` or `schema.name`", name);
  }
  if (parsed.schema == kOwnSchema) {
    return fail(ErrorKind::invalid, "table {}: the schema `penstock` is the store's own, use another", name);
  }
  return parsed;
}

bool is_microsecond_column(const market::Schema& schema, size_t column) {
  return schema.fields[column].name == "start" && schema.fields[column].type.kind == market::Kind::timestamp &&
         schema.find("every").has_value();
}

std::string sql_type(const market::Schema& schema, size_t column, bool has_json) {
  const market::Type type = schema.fields[column].type;
  switch (type.kind) {
    case market::Kind::boolean: return "BOOLEAN";
    case market::Kind::int64: return "BIGINT";
    case market::Kind::float64: return "DOUBLE";
    case market::Kind::decimal: return fmt::format("DECIMAL(19,{})", type.scale);  // 19 digits hold every int64
    case market::Kind::decimal128: return fmt::format("DECIMAL(38,{})", type.scale);
    case market::Kind::timestamp: return is_microsecond_column(schema, column) ? "TIMESTAMP" : "TIMESTAMP_NS";
    case market::Kind::symbol:
    case market::Kind::id:
    case market::Kind::text: return "VARCHAR";
    case market::Kind::json: return has_json ? "JSON" : "VARCHAR";
    case market::Kind::bytes: return "BLOB";
  }
  return "VARCHAR";
}

std::vector<FoundColumn> columns_of(const market::Schema& schema, bool has_json) {
  std::vector<FoundColumn> columns;
  for (size_t i = 0; i < schema.fields.size(); ++i)
    columns.push_back({schema.fields[i].name, sql_type(schema, i, has_json)});
  return columns;
}

Result<int> read_format(duckdb_connection connection, const std::string& path) {
  bool is_new = true;
  PENSTOCK_TRY(for_each_row(connection,
                            "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database()"
                            " AND schema_name = 'penstock' AND table_name = 'meta'",
                            "looking for the store's own tables", [&](const Row&) { is_new = false; }));
  if (is_new) return 0;
  std::string version;
  PENSTOCK_TRY(for_each_row(connection, "SELECT value FROM penstock.meta WHERE key = 'format_version'",
                            "reading the store's format version",
                            [&](const Row& row) { version = std::string(row.text(0)); }));
  int number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  if (error != std::errc() || end != version.data() + version.size() || number < 1) {
    return fail(ErrorKind::corrupt, "{}: '{}' is no format version of a store", path, version);
  }
  if (number > kFormatVersion) {
    return fail(ErrorKind::invalid,
                "{} is a store of format version {}, and this Penstock knows versions up to {}: use a newer Penstock",
                path, number, kFormatVersion);
  }
  return number;
}

Status make_tables(duckdb_connection connection, const std::vector<TableSpec>& specs, int format, bool has_json) {
  PENSTOCK_TRY(check_names(specs));
  FoundTables tables;
  Meta meta;
  const auto read = [&]() -> Status {
    tables.clear();
    PENSTOCK_TRY(for_each_row(connection,
                              "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE NOT"
                              " internal AND database_name = current_database()"
                              " ORDER BY schema_name, table_name, column_index",
                              "reading the tables' columns", [&](const Row& row) {
                                tables[{std::string(row.text(0)), std::string(row.text(1))}].push_back(
                                    {std::string(row.text(2)), std::string(row.text(3))});
                              }));
    return for_each_row(connection, "SELECT key, value FROM penstock.meta", "reading the tables' keys",
                        [&](const Row& row) { meta[std::string(row.text(0))] = std::string(row.text(1)); });
  };
  const auto make_all = [&]() -> Status {
    if (format == 0) PENSTOCK_TRY(make_own_tables(connection));
    PENSTOCK_TRY(read());
    if (format == 1) {
      PENSTOCK_TRY(convert_from_1(connection, tables, meta));
      PENSTOCK_TRY(read());
    }
    for (const TableSpec& spec : specs) PENSTOCK_TRY(make_or_check(connection, spec, tables, meta, has_json));
    return run(connection, "COMMIT", "making the tables");
  };
  PENSTOCK_TRY(run(connection, "BEGIN TRANSACTION", "making the tables"));
  Status made = make_all();
  if (!made) static_cast<void>(run(connection, "ROLLBACK", "giving up the tables"));
  return made;
}

}  // namespace penstock::store::duck
