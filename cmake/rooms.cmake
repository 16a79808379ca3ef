# A room is a static library of all .cpp files in its folder, with its unit tests (*_test.cpp) in one GoogleTest
# program beside it, and its fuzz targets (*_fuzz.cpp), one program each.

# Precompiled once, shared by every room.
if(PENSTOCK_PCH)
  file(WRITE ${CMAKE_BINARY_DIR}/pch.cpp "")
  add_library(penstock_pch STATIC ${CMAKE_BINARY_DIR}/pch.cpp)
  target_precompile_headers(penstock_pch PRIVATE <algorithm> <array> <atomic> <charconv> <condition_variable> <cstdint>
                            <cstring> <expected> <functional> <map> <memory> <mutex> <optional> <span> <stop_token> <string>
                            <string_view> <thread> <unordered_map> <variant> <vector> <fmt/core.h>)
  target_link_libraries(penstock_pch PRIVATE fmt::fmt)
  if(PENSTOCK_TESTS AND NOT PENSTOCK_FUZZ)
    find_package(GTest REQUIRED)
    file(WRITE ${CMAKE_BINARY_DIR}/pch_test.cpp "")
    add_library(penstock_test_pch STATIC ${CMAKE_BINARY_DIR}/pch_test.cpp)
    target_precompile_headers(penstock_test_pch PRIVATE <algorithm> <array> <atomic> <charconv> <condition_variable>
                              <cstdint> <cstring> <expected> <functional> <map> <memory> <mutex> <optional> <span>
                              <stop_token> <string> <string_view> <thread> <unordered_map> <variant> <vector> <fmt/core.h>
                              <gtest/gtest.h> <gmock/gmock.h>)
    target_link_libraries(penstock_test_pch PRIVATE fmt::fmt GTest::gtest GTest::gmock)
  endif()
endif()
if(PENSTOCK_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# penstock_room(NAME ROOMS room... LIBRARIES target...)
# ROOMS are the rooms it may include; LIBRARIES stay private to its .cpp files.
function(penstock_room name)
  cmake_parse_arguments(ARG "" "" "ROOMS;LIBRARIES;TEST_LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")

  set(target penstock_${name})
  if(sources)
    add_library(${target} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE ${ARG_LIBRARIES})
    if(PENSTOCK_PCH)
      target_precompile_headers(${target} REUSE_FROM penstock_pch)
    endif()
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} ${scope} fmt::fmt Threads::Threads)
  foreach(room ${ARG_ROOMS})
    target_link_libraries(${target} ${scope} penstock_${room})
  endforeach()

  if(PENSTOCK_FUZZ)
    foreach(fuzzer ${fuzzers})
      get_filename_component(fuzzer_name ${fuzzer} NAME_WE)
      add_executable(${fuzzer_name} ${fuzzer})
      target_link_libraries(${fuzzer_name} PRIVATE ${target} ${ARG_LIBRARIES})
      target_link_options(${fuzzer_name} PRIVATE -fsanitize=fuzzer)
    endforeach()
  elseif(PENSTOCK_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${target} ${ARG_LIBRARIES} ${ARG_TEST_LIBRARIES} GTest::gtest
                                               GTest::gmock GTest::gtest_main)
    if(PENSTOCK_PCH)
      target_precompile_headers(${name}_test REUSE_FROM penstock_test_pch)
    endif()
    gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${name})
  endif()
endfunction()
