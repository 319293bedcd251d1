# Each tests/fuzz/NAME_fuzz.cpp defines LLVMFuzzerTestOneInput; its corpus is tests/fuzz/corpus/NAME.
# Every compiler replays the corpus; where clang's fuzzer is installed it also looks for new inputs, UMBEL_FUZZ_SECONDS each.
file(GLOB fuzz_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/*_fuzz.cpp")
if(NOT fuzz_sources)
  return()
endif()

include(fuzz/find_fuzzer.cmake)
get_target_property(expected_dirs tl::expected INTERFACE_INCLUDE_DIRECTORIES)
set(fuzz_include_flags "-I${PROJECT_SOURCE_DIR}/include" "-I${CMAKE_CURRENT_SOURCE_DIR}")
foreach(directory IN LISTS expected_dirs)
  if(NOT directory STREQUAL "/usr/include")
    list(APPEND fuzz_include_flags -isystem "${directory}")
  endif()
endforeach()

if(NOT DEFINED UMBEL_FUZZ_COMPILER)
  umbel_find_fuzzer(found_fuzzer "${CMAKE_CURRENT_BINARY_DIR}" ${fuzz_include_flags})
  set(UMBEL_FUZZ_COMPILER "${found_fuzzer}" CACHE FILEPATH "A clang with its fuzzer, or empty")
endif()
if(UMBEL_FUZZ_COMPILER AND UMBEL_FUZZ_SECONDS GREATER 0)
  message(STATUS "Fuzz targets: ${UMBEL_FUZZ_SECONDS} s each with ${UMBEL_FUZZ_COMPILER}")
else()
  message(STATUS "Fuzz targets: only their corpora are replayed")
endif()

foreach(source IN LISTS fuzz_sources)
  get_filename_component(stem "${source}" NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name "${stem}")
  set(corpus "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name}")
  set(libraries "")
  if(name STREQUAL "tls")
    if(NOT TARGET umbel::tls)
      continue() # Without OpenSSL.
    endif()
    set(libraries -lssl -lcrypto)
  endif()

  add_executable(replay_${name} "${source}" support/replay_main.cpp)
  target_link_libraries(replay_${name} PRIVATE umbel::core $<$<BOOL:${libraries}>:OpenSSL::SSL>)
  target_include_directories(replay_${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  umbel_own_target(replay_${name})
  add_test(NAME fuzz/${name}/corpus COMMAND replay_${name} "${corpus}")
  set_tests_properties(fuzz/${name}/corpus PROPERTIES TIMEOUT 120)

  if(UMBEL_FUZZ_COMPILER AND UMBEL_FUZZ_SECONDS GREATER 0)
    set(program "${CMAKE_CURRENT_BINARY_DIR}/${stem}")
    add_custom_command(OUTPUT "${program}"
      COMMAND "${UMBEL_FUZZ_COMPILER}" ${fuzz_flags} ${fuzz_include_flags} -MD -MF "${program}.d" -MT "${program}" "${source}" -o "${program}" ${libraries}
      DEPENDS "${source}" DEPFILE "${program}.d" COMMENT "Building fuzz target ${name}" VERBATIM)
    add_custom_target(fuzz_${name} ALL DEPENDS "${program}")
    # New inputs go to the build tree; the corpus in the source tree stays small and is only read.
    set(finds "${CMAKE_CURRENT_BINARY_DIR}/${stem}_finds")
    file(MAKE_DIRECTORY "${finds}")
    set(fuzz_dirs "${finds}")
    if(EXISTS "${corpus}")
      list(APPEND fuzz_dirs "${corpus}")
    endif()
    math(EXPR fuzz_timeout "${UMBEL_FUZZ_SECONDS} + 120")
    add_test(NAME fuzz/${name}/search
      COMMAND "${program}" -max_total_time=${UMBEL_FUZZ_SECONDS} -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0
              "-artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/${stem}_failure_" ${fuzz_dirs})
    set_tests_properties(fuzz/${name}/search PROPERTIES TIMEOUT ${fuzz_timeout} COST 1000 ${umbel_computes}) # the longest first
  endif()
endforeach()
