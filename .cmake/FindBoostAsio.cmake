# Finds Boost.Asio, of which headers are enough, and defines the target BoostAsio::BoostAsio.
# Its version is that of Boost. Sets BoostAsio_FOUND, BoostAsio_VERSION, BoostAsio_INCLUDE_DIR.

if(TARGET Boost::headers)
  get_target_property(_umbel_boost_dirs Boost::headers INTERFACE_INCLUDE_DIRECTORIES)
endif()
find_path(BoostAsio_INCLUDE_DIR NAMES boost/asio/awaitable.hpp HINTS ${_umbel_boost_dirs} ${Boost_INCLUDE_DIR} ${BOOST_ROOT}/include)
mark_as_advanced(BoostAsio_INCLUDE_DIR)

unset(BoostAsio_VERSION)
if(BoostAsio_INCLUDE_DIR AND EXISTS "${BoostAsio_INCLUDE_DIR}/boost/version.hpp")
  file(STRINGS "${BoostAsio_INCLUDE_DIR}/boost/version.hpp" _umbel_boost_line REGEX "^#define BOOST_VERSION [0-9]+")
  if(_umbel_boost_line MATCHES "BOOST_VERSION ([0-9]+)")
    math(EXPR _umbel_boost_major "${CMAKE_MATCH_1} / 100000")
    math(EXPR _umbel_boost_minor "${CMAKE_MATCH_1} / 100 % 1000")
    math(EXPR _umbel_boost_patch "${CMAKE_MATCH_1} % 100")
    set(BoostAsio_VERSION "${_umbel_boost_major}.${_umbel_boost_minor}.${_umbel_boost_patch}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BoostAsio REQUIRED_VARS BoostAsio_INCLUDE_DIR VERSION_VAR BoostAsio_VERSION)

if(BoostAsio_FOUND AND NOT TARGET BoostAsio::BoostAsio)
  add_library(BoostAsio::BoostAsio INTERFACE IMPORTED)
  set_target_properties(BoostAsio::BoostAsio PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${BoostAsio_INCLUDE_DIR}")
endif()
