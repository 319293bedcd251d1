# Finds tl::expected and defines the target tl::expected: its own CMake package where there is one, otherwise its header.
# Sets TlExpected_FOUND.

if(NOT TARGET tl::expected)
  find_package(tl-expected 1.0 CONFIG QUIET)
endif()
if(TARGET tl::expected)
  set(TlExpected_WHERE tl::expected)
else()
  find_path(TlExpected_INCLUDE_DIR NAMES tl/expected.hpp)
  mark_as_advanced(TlExpected_INCLUDE_DIR)
  set(TlExpected_WHERE "${TlExpected_INCLUDE_DIR}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TlExpected REQUIRED_VARS TlExpected_WHERE)

if(TlExpected_FOUND AND NOT TARGET tl::expected)
  add_library(tl::expected INTERFACE IMPORTED)
  set_target_properties(tl::expected PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${TlExpected_INCLUDE_DIR}")
endif()
