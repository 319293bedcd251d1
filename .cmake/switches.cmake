# What umbel is made of, by two variables that a consumer may set before find_package(umbel) or add_subdirectory; config.hpp says what they
# mean. Read by umbel's own build and by its package, so that one installation serves every choice. Defines the targets umbel::asio and
# umbel::expected, to which umbel::umbel and umbel::core are linked.
if(NOT TARGET umbel::expected)
  add_library(umbel::expected INTERFACE IMPORTED)
  if(UMBEL_USE_STD_EXPECTED)
    set_target_properties(umbel::expected PROPERTIES
      INTERFACE_COMPILE_DEFINITIONS UMBEL_USE_STD_EXPECTED INTERFACE_COMPILE_FEATURES cxx_std_23)
  else()
    set_target_properties(umbel::expected PROPERTIES INTERFACE_LINK_LIBRARIES tl::expected)
  endif()

  add_library(umbel::asio INTERFACE IMPORTED)
  if(UMBEL_USE_BOOST_ASIO)
    set_target_properties(umbel::asio PROPERTIES
      INTERFACE_COMPILE_DEFINITIONS UMBEL_USE_BOOST_ASIO INTERFACE_LINK_LIBRARIES BoostAsio::BoostAsio)
  else()
    set_target_properties(umbel::asio PROPERTIES INTERFACE_LINK_LIBRARIES asio::asio)
  endif()
endif()
