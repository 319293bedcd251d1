# umbel::compiled: umbel::umbel, with everything that is not a template compiled once, into a static library that is built where it is
# linked to. Its users inherit UMBEL_SEPARATE_COMPILATION; a program links either this target or umbel::umbel, not both.
if(NOT TARGET umbel_compiled)
  file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/umbel_src.cpp" CONTENT "#include <umbel/src.hpp>\n")
  add_library(umbel_compiled STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_BINARY_DIR}/umbel_src.cpp")
  add_library(umbel::compiled ALIAS umbel_compiled)
  target_link_libraries(umbel_compiled PUBLIC umbel::umbel)
  target_compile_definitions(umbel_compiled PUBLIC UMBEL_SEPARATE_COMPILATION)
endif()
