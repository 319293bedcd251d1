# Tiny projects that use umbel as its users do; one ctest entry for each way.
if(UMBEL_SANITIZE)
  return()
endif()
foreach(way IN ITEMS installed built subdirectory plain)
  add_test(NAME packaging/${way}
    COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/packaging/check.sh" ${way} "${CMAKE_CURRENT_BINARY_DIR}/packaging/${way}")
  set_tests_properties(packaging/${way} PROPERTIES TIMEOUT 300 ENVIRONMENT "COMPILER=${CMAKE_CXX_COMPILER}")
endforeach()
