# Finds standalone Asio and defines the target asio::asio.
# Asio's Debian package has no CMake files, so this reads the version out of the header itself.
# Sets Asio_FOUND, Asio_VERSION, Asio_INCLUDE_DIR.

if(TARGET asio::asio)
  get_target_property(_umbel_asio_dirs asio::asio INTERFACE_INCLUDE_DIRECTORIES)
endif()
find_path(Asio_INCLUDE_DIR NAMES asio/awaitable.hpp HINTS ${_umbel_asio_dirs})
mark_as_advanced(Asio_INCLUDE_DIR)

unset(Asio_VERSION)
if(Asio_INCLUDE_DIR AND EXISTS "${Asio_INCLUDE_DIR}/asio/version.hpp")
  file(STRINGS "${Asio_INCLUDE_DIR}/asio/version.hpp" _umbel_asio_line REGEX "^#define ASIO_VERSION [0-9]+")
  if(_umbel_asio_line MATCHES "ASIO_VERSION ([0-9]+)")
    math(EXPR _umbel_asio_major "${CMAKE_MATCH_1} / 100000")
    math(EXPR _umbel_asio_minor "${CMAKE_MATCH_1} / 100 % 1000")
    math(EXPR _umbel_asio_patch "${CMAKE_MATCH_1} % 100")
    set(Asio_VERSION "${_umbel_asio_major}.${_umbel_asio_minor}.${_umbel_asio_patch}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Asio REQUIRED_VARS Asio_INCLUDE_DIR VERSION_VAR Asio_VERSION)

if(Asio_FOUND AND NOT TARGET asio::asio)
  add_library(asio::asio INTERFACE IMPORTED)
  set_target_properties(asio::asio PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${Asio_INCLUDE_DIR}")
endif()
