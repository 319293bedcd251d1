# Tiny projects that use umbel as its users do; one ctest entry for each way. Without CMake, with one command, the README's example is
# built by architecture/compile/readme.
if(UMBEL_SANITIZE)
  return()
endif()
foreach(way IN ITEMS installed built subdirectory)
  umbel_remembered(before packaging/${way}
    "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/.cmake" "${PROJECT_SOURCE_DIR}/CMakeLists.txt" "${CMAKE_CURRENT_SOURCE_DIR}/packaging")
  add_test(NAME packaging/${way}
    COMMAND ${before} "${CMAKE_CURRENT_SOURCE_DIR}/packaging/check.sh" ${way} "${CMAKE_CURRENT_BINARY_DIR}/packaging/${way}")
  set_tests_properties(packaging/${way} PROPERTIES TIMEOUT 900 ENVIRONMENT "COMPILER=${CMAKE_CXX_COMPILER}" ${umbel_computes} COST 400)
endforeach()

# A program of several source files; dependency_path comes from architecture/tests.cmake.
foreach(question IN ITEMS idle secure cost link)
  umbel_remembered(before packaging/parts/${question} "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/benchmarks/compile_time"
    "${CMAKE_CURRENT_SOURCE_DIR}/packaging")
  add_test(NAME packaging/parts/${question} COMMAND ${before} "${CMAKE_CURRENT_SOURCE_DIR}/packaging/parts.sh" ${question})
  set_tests_properties(packaging/parts/${question} PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 ${umbel_computes} COST 300
    ENVIRONMENT "COMPILER=${CMAKE_CXX_COMPILER};INCLUDES=${dependency_path}")
endforeach()

# With Boost.Asio, and with std::expected. What Boost and OpenSSL there is, the script looks for itself.
foreach(question IN ITEMS boost expected both mixed)
  umbel_remembered(before packaging/switches/${question} "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/examples/24_beast.cpp"
    "${CMAKE_CURRENT_SOURCE_DIR}/packaging")
  add_test(NAME packaging/switches/${question} COMMAND ${before} "${CMAKE_CURRENT_SOURCE_DIR}/packaging/switches.sh" ${question})
  set_tests_properties(packaging/switches/${question} PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 ${umbel_computes} COST 300
    ENVIRONMENT "COMPILER=${CMAKE_CXX_COMPILER};INCLUDES=${dependency_path}")
endforeach()
