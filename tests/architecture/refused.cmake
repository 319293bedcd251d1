# What must not compile, and what the compiler must say of it: one run over refused.cpp.
if(NOT UMBEL_SANITIZE)
  add_test(NAME architecture/refused COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/architecture/refused.sh")
  set_tests_properties(architecture/refused PROPERTIES TIMEOUT 300 ENVIRONMENT "COMPILER=${CMAKE_CXX_COMPILER};INCLUDES=${dependency_path}")
endif()
