# Where tl::expected and Asio come from: packages first; upstream sources only where UMBEL_FETCH_DEPENDENCIES asks for them.
# Either way the targets are tl::expected and asio::asio. Downloading is for machines without packages; the tests use packages.
# What a switch replaces (switches.cmake) is not looked for; Boost is never downloaded.

function(umbel_fetch_headers name repository tag include_directory target)
  include(FetchContent)
  # The subdirectory does not exist on purpose: only the headers are wanted, not the other project's own build.
  FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW TRUE SOURCE_SUBDIR headers-only)
  FetchContent_MakeAvailable(${name})
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE "${${name}_SOURCE_DIR}/${include_directory}")
endfunction()

if(NOT UMBEL_USE_STD_EXPECTED)
  find_package(TlExpected MODULE QUIET)
  if(NOT TlExpected_FOUND AND UMBEL_FETCH_DEPENDENCIES)
    umbel_fetch_headers(umbel_expected https://github.com/TartanLlama/expected.git v1.1.0 include tl::expected)
  elseif(NOT TlExpected_FOUND)
    message(FATAL_ERROR "umbel needs tl::expected (package libexpected-dev), or UMBEL_FETCH_DEPENDENCIES=ON")
  endif()
endif()

if(UMBEL_USE_BOOST_ASIO)
  find_package(BoostAsio 1.82 MODULE QUIET)
  if(NOT BoostAsio_FOUND)
    message(FATAL_ERROR "with UMBEL_USE_BOOST_ASIO, umbel needs the headers of Boost 1.82 or newer (package libboost1.83-dev), \
found: '${BoostAsio_VERSION}'")
  endif()
else()
  find_package(Asio 1.28 MODULE QUIET)
  if(NOT Asio_FOUND AND UMBEL_FETCH_DEPENDENCIES)
    umbel_fetch_headers(umbel_asio https://github.com/chriskohlhoff/asio.git asio-1-30-2 asio/include asio::asio)
  elseif(NOT Asio_FOUND)
    message(FATAL_ERROR "umbel needs standalone Asio 1.28 or newer (package libasio-dev), or UMBEL_FETCH_DEPENDENCIES=ON")
  endif()
endif()

find_package(Threads REQUIRED)
