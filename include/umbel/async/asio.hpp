// asio.hpp: which Asio this is: standalone Asio, or Boost.Asio where UMBEL_USE_BOOST_ASIO is defined. Inside
// namespace umbel, `asio` names the chosen one and async::error_code its error codes; its headers are
// included by the macros below. No other header of umbel knows which it is.
#pragma once

#include <umbel/config.hpp>

// A header of Asio's, and one in a folder of Asio's: <asio/ip/tcp.hpp> is UMBEL_ASIO_IP_HEADER(tcp.hpp).
#if defined(UMBEL_USE_BOOST_ASIO)
#define UMBEL_ASIO_HEADER(header) <boost/asio/header>
#define UMBEL_ASIO_EXECUTION_HEADER(header) <boost/asio/execution/header>
#define UMBEL_ASIO_GENERIC_HEADER(header) <boost/asio/generic/header>
#define UMBEL_ASIO_IP_HEADER(header) <boost/asio/ip/header>
#define UMBEL_ASIO_LOCAL_HEADER(header) <boost/asio/local/header>
#include <boost/asio/version.hpp>
#if BOOST_ASIO_VERSION < 102800
#error "with UMBEL_USE_BOOST_ASIO, umbel needs Boost 1.82 or newer (Asio 1.28)"
#endif
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#else
#define UMBEL_ASIO_HEADER(header) <asio/header>
#define UMBEL_ASIO_EXECUTION_HEADER(header) <asio/execution/header>
#define UMBEL_ASIO_GENERIC_HEADER(header) <asio/generic/header>
#define UMBEL_ASIO_IP_HEADER(header) <asio/ip/header>
#define UMBEL_ASIO_LOCAL_HEADER(header) <asio/local/header>
#include <asio/version.hpp>
#if ASIO_VERSION < 102800
#error "umbel needs Asio 1.28 or newer"
#endif
#include <asio/error_code.hpp>
#endif

namespace umbel {
#if defined(UMBEL_USE_BOOST_ASIO)
UMBEL_LINK_ONLY_IF_ALIKE(thread_local, UMBEL_USE_BOOST_ASIO_is_defined_in_all_source_files_or_in_none)
namespace asio = ::boost::asio;
#else
UMBEL_LINK_ONLY_IF_ALIKE(, UMBEL_USE_BOOST_ASIO_is_defined_in_all_source_files_or_in_none)
namespace asio = ::asio;
#endif
}  // namespace umbel

namespace umbel::async {

/// What Asio tells of a failure.
#if defined(UMBEL_USE_BOOST_ASIO)
using error_code = boost::system::error_code;
#else
using error_code = asio::error_code;
#endif

}  // namespace umbel::async
