# Finds a clang that can build our fuzz targets: found by name, asked for its version, tried with a header of ours. Can be run as a script,
# which prints what was found: cmake -DUMBEL_INCLUDES=FOLDER:… -DSCRATCH=FOLDER -P find_fuzzer.cmake
set(fuzz_flags -std=c++20 -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=fuzzer,address,undefined)

# Sets `result` to the newest clang from 16 on that builds a fuzz target around one of our headers, or to nothing.
# `scratch` is a folder for what is tried; the rest are flags.
function(umbel_find_fuzzer result scratch)
  set(${result} "" PARENT_SCOPE)
  file(WRITE "${scratch}/fuzzer_probe.cpp"
    "#include <umbel/resp/reader.hpp>\n#include <cstddef>\n#include <cstdint>\n"
    "extern \"C\" int LLVMFuzzerTestOneInput(std::uint8_t const*, std::size_t size) {\n"
    "    umbel::resp::chunk_ref const held{umbel::resp::chunk::create(size, nullptr)};\n    return 0;\n}\n")
  foreach(name IN ITEMS clang++-22 clang++-21 clang++-20 clang++-19 clang++-18 clang++-17 clang++-16 clang++)
    # As a shell finds it: in PATH and nowhere else.
    find_program(found_${name} ${name} NO_CACHE NO_CMAKE_PATH NO_CMAKE_SYSTEM_PATH)
    if(NOT found_${name})
      continue()
    endif()
    # What links a small program may still be too old to compile ours.
    execute_process(COMMAND "${found_${name}}" -dumpversion OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
      RESULT_VARIABLE status)
    if(NOT status EQUAL 0 OR version VERSION_LESS 16)
      continue()
    endif()
    execute_process(
      COMMAND "${found_${name}}" ${fuzz_flags} ${ARGN} "${scratch}/fuzzer_probe.cpp" -o "${scratch}/fuzzer_probe"
      RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    if(status EQUAL 0)
      set(${result} "${found_${name}}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  string(REPLACE ":" ";" folders "${UMBEL_INCLUDES}")
  list(TRANSFORM folders PREPEND "-I")
  umbel_find_fuzzer(fuzzer "${SCRATCH}" ${folders})
  message(STATUS "fuzzer: ${fuzzer}")
endif()
