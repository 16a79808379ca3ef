# The imported target duckdb::duckdb: DuckDB's shared library and C header. A DuckDB of the system (or of
# -DDuckDB_ROOT=<prefix>) comes first when it has the C functions that Penstock uses, else .cache/duckdb-<version>/,
# which scripts/fetch_duckdb.sh fills.
include_guard(GLOBAL)

set(PENSTOCK_DUCKDB_VERSION 1.5.6)
set(PENSTOCK_DUCKDB_DIR ${PROJECT_SOURCE_DIR}/.cache/duckdb-${PENSTOCK_DUCKDB_VERSION})

find_path(DUCKDB_INCLUDE_DIR duckdb.h HINTS ${DuckDB_ROOT} $ENV{DuckDB_ROOT} PATH_SUFFIXES include)
find_library(DUCKDB_LIBRARY duckdb HINTS ${DuckDB_ROOT} $ENV{DuckDB_ROOT} PATH_SUFFIXES lib)
mark_as_advanced(DUCKDB_INCLUDE_DIR DUCKDB_LIBRARY)

set(PENSTOCK_DUCKDB_FOUND FALSE)
if(DUCKDB_INCLUDE_DIR AND DUCKDB_LIBRARY)
  include(CheckSymbolExists)
  set(CMAKE_REQUIRED_INCLUDES ${DUCKDB_INCLUDE_DIR})
  set(CMAKE_REQUIRED_LIBRARIES ${DUCKDB_LIBRARY})
  # The youngest of the functions in use (DuckDB 1.4): upserts are appended through a query.
  check_symbol_exists(duckdb_appender_create_query duckdb.h PENSTOCK_DUCKDB_NEW_ENOUGH)
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_LIBRARIES)
  if(PENSTOCK_DUCKDB_NEW_ENOUGH)
    set(PENSTOCK_DUCKDB_FOUND TRUE)
    set(penstock_duckdb_header_dir ${DUCKDB_INCLUDE_DIR})
    set(penstock_duckdb_library ${DUCKDB_LIBRARY})
  else()
    message(STATUS "DuckDB at ${DUCKDB_LIBRARY} is older than Penstock needs: using ${PENSTOCK_DUCKDB_VERSION} instead")
  endif()
endif()

if(NOT PENSTOCK_DUCKDB_FOUND)
  execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/fetch_duckdb.sh ${PENSTOCK_DUCKDB_DIR} RESULT_VARIABLE result
                  ERROR_VARIABLE reason)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "DuckDB is neither installed nor could it be fetched.\n${reason}")
  endif()
  set(penstock_duckdb_header_dir ${PENSTOCK_DUCKDB_DIR})
  set(penstock_duckdb_library ${PENSTOCK_DUCKDB_DIR}/libduckdb.so)
  # Beside the programs too, so that a build folder can be moved: a hard link where the file system allows it.
  file(CREATE_LINK ${penstock_duckdb_library} ${CMAKE_BINARY_DIR}/libduckdb.so COPY_ON_ERROR)
  # In the cache, as the programs that link it are made in other folders than the one that includes this file.
  set(CMAKE_BUILD_RPATH "$ORIGIN" CACHE INTERNAL "Where programs look for shared libraries first")
endif()

add_library(duckdb::duckdb SHARED IMPORTED GLOBAL)
set_target_properties(duckdb::duckdb PROPERTIES IMPORTED_LOCATION ${penstock_duckdb_library}
                      INTERFACE_INCLUDE_DIRECTORIES ${penstock_duckdb_header_dir})
if(NOT PENSTOCK_DUCKDB_FOUND)
  set_target_properties(duckdb::duckdb PROPERTIES IMPORTED_SONAME libduckdb.so)
endif()
message(STATUS "DuckDB: ${penstock_duckdb_library}")
