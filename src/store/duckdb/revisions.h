// Tables of bars keep every revision: `bars_revisions` takes each row that comes and loses none, and the view `bars`
// shows of each bar the newest. See docs/decisions/store-revisions.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/duckdb/handles.h"
#include "store/store.h"

namespace penstock::store::duck {

struct TableName;

// A column as the file has it.
struct FoundColumn {
  std::string name;
  std::string type;
  friend bool operator==(const FoundColumn&, const FoundColumn&) = default;
};

// What tells one bar from another. They are columns of every table that keeps revisions.
inline constexpr std::string_view kBarKey[] = {"symbol", "every", "start"};

// True for a table of revisions without a key. (With one the pipeline asks for the newest row alone.)
[[nodiscard]] bool keeps_revisions(const TableSpec& spec);
[[nodiscard]] TableName revisions_of(const TableName& name);

// Makes the table of revisions and the view `name` over it.
[[nodiscard]] Status make_revisions(duckdb_connection connection, const TableName& name,
                                    const std::vector<FoundColumn>& columns);
// Turns the plain table `name` of a store of format 1 into its revisions and the view. Part of the caller's
// transaction.
[[nodiscard]] Status convert_to_revisions(duckdb_connection connection, const TableName& name,
                                          std::vector<FoundColumn> columns);

// The UPDATE that marks every row but the newest of each bar in `touched`, a relation with the columns of kBarKey. The
// newest has the greatest revision, then is final, then came last.
[[nodiscard]] std::string mark_older_sql(const TableName& name, std::string_view touched);

}  // namespace penstock::store::duck
