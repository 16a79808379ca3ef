# What holds for every target: language, warnings, sanitizers, ccache and mold.
option(PENSTOCK_PCH "Precompile the standard library's headers" ON)
option(PENSTOCK_TIDY "Run clang-tidy beside the compiler" OFF)
option(PENSTOCK_FUZZ "Build the libFuzzer targets instead of the tests (clang)" OFF)
option(PENSTOCK_TESTS "Build the unit tests" ON)
option(PENSTOCK_BENCH "Build the benchmarks" OFF)
set(PENSTOCK_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Woverloaded-virtual
                    -Wnon-virtual-dtor -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess)
  # g++ 12 takes inlined std::string and fmt code for writes out of bounds at -O3; clang and the sanitizers look as well.
  add_compile_options($<$<CONFIG:Release>:-Wno-stringop-overflow> $<$<CONFIG:Release>:-Wno-stringop-overread>
                      $<$<CONFIG:Release>:-Wno-array-bounds> $<$<CONFIG:Release>:-Wno-maybe-uninitialized>
                      $<$<CONFIG:Release>:-Wno-restrict>)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12's own std::stable_sort calls a function that it calls deprecated; g++ looks away inside its headers.
  add_compile_options(-Wno-deprecated-declarations)
endif()
# SSE4.2 (the CRC-32C instruction), POPCNT and AVX2: every x86-64 laptop since 2013. See
# docs/decisions/platform.md.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v3)
endif()
if(PENSTOCK_SANITIZE)
  add_compile_options(-fsanitize=${PENSTOCK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PENSTOCK_SANITIZE})
endif()
if(PENSTOCK_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(PENSTOCK_TIDY)
  set(CMAKE_CXX_CLANG_TIDY clang-tidy-19)
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
