# umbel::compiled: umbel::umbel, with its code compiled once, into a static library that is built where it is linked to: for programs
# whose source files include <umbel/client.hpp>.
if(NOT TARGET umbel_compiled)
  file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/umbel_src.cpp" CONTENT "#include <umbel/src.hpp>\n")
  add_library(umbel_compiled STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_BINARY_DIR}/umbel_src.cpp")
  # A shared object may hold the code, too.
  set_target_properties(umbel_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON)
  add_library(umbel::compiled ALIAS umbel_compiled)
  target_link_libraries(umbel_compiled PUBLIC umbel::umbel)
endif()
