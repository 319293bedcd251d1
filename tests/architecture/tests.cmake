# What DESIGN says about layers, held by tests: the table of edges, headers that compile alone, a core without Asio, the README.
umbel_test_program(architecture architecture umbel::core)
umbel_register(architecture architecture 60)

if(UMBEL_SANITIZE)
  return() # The answers below do not depend on sanitizers.
endif()

# Questions for the compiler; the folders of dependencies that are not in its own path are handed on.
set(dependency_dirs "")
foreach(target IN ITEMS tl::expected asio::asio)
  get_target_property(dirs ${target} INTERFACE_INCLUDE_DIRECTORIES)
  list(APPEND dependency_dirs ${dirs})
endforeach()
list(JOIN dependency_dirs ":" dependency_path)

foreach(question IN ITEMS alone core bare readme clang benchmarks)
  umbel_remembered(before architecture/compile/${question}
    "${PROJECT_SOURCE_DIR}/include" "${CMAKE_CURRENT_SOURCE_DIR}/architecture/compile.sh" "${CMAKE_CURRENT_SOURCE_DIR}/support/build.sh"
    "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/benchmarks")
  add_test(NAME architecture/compile/${question}
    COMMAND ${before} "${CMAKE_CURRENT_SOURCE_DIR}/architecture/compile.sh" ${question})
  set_tests_properties(architecture/compile/${question} PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 ${umbel_computes} COST 400
    ENVIRONMENT "COMPILER=${CMAKE_CXX_COMPILER};INCLUDES=${dependency_path}")
endforeach()
set_tests_properties(architecture/compile/alone PROPERTIES PROCESSORS 8 COST 500)

add_test(NAME architecture/format COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/architecture/format.sh" "${PROJECT_SOURCE_DIR}")
set_tests_properties(architecture/format PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77 ${umbel_computes})
