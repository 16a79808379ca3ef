// What the thread sanitizer does not report. Linked into every unit test of the `tsan` preset.

// DuckDB's library is built without the sanitizer, which sees what it allocates and copies and what it takes of our
// std::shared_ptr's code, but not the atomics that order all that. Nothing is reported any more of what a function of
// ours does below a call from DuckDB, either: that is the row source of store/duckdb/parquet_writer.cpp only.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:libduckdb.so\n"; }
