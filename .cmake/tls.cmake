# umbel::tls: umbel::umbel with what <umbel/tls.hpp> needs besides, where OpenSSL is installed. Without OpenSSL there is no such target.
if(NOT TARGET umbel_tls)
  find_package(OpenSSL QUIET)
  if(OPENSSL_FOUND)
    add_library(umbel_tls INTERFACE)
    add_library(umbel::tls ALIAS umbel_tls)
    target_link_libraries(umbel_tls INTERFACE umbel::umbel OpenSSL::SSL)
  endif()
endif()
