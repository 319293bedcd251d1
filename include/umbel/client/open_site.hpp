// open_site.hpp: how a client comes to the code behind its commands. A source file that constructs a client
// calls the function; it need not compile what the function leads to.
//
// It is a template so that every source file that includes <umbel.hpp> may have it, and one that includes
// only <umbel/client.hpp> may leave it to another: to one that includes <umbel/src.hpp>. Its argument is what
// the linker prints where there is none.
#pragma once

#include <umbel/async/backend.hpp>
#include <umbel/client/make_operation.hpp>
#include <umbel/options.hpp>

namespace umbel {

/// A name to be read by people: a program that constructs a client needs the code of umbel, once. It comes
/// with one source file that includes <umbel/src.hpp>, or with the CMake target umbel::compiled; and it is
/// compiled with the switches of the others (config.hpp).
#if defined(UMBEL_USE_BOOST_ASIO) && defined(UMBEL_USE_STD_EXPECTED)
struct include_umbel_src_hpp_in_one_source_file_with_UMBEL_USE_BOOST_ASIO_and_UMBEL_USE_STD_EXPECTED;
using include_umbel_src_hpp_in_one_source_file =
    include_umbel_src_hpp_in_one_source_file_with_UMBEL_USE_BOOST_ASIO_and_UMBEL_USE_STD_EXPECTED;
#elif defined(UMBEL_USE_BOOST_ASIO)
struct include_umbel_src_hpp_in_one_source_file_with_UMBEL_USE_BOOST_ASIO;
using include_umbel_src_hpp_in_one_source_file =
    include_umbel_src_hpp_in_one_source_file_with_UMBEL_USE_BOOST_ASIO;
#elif defined(UMBEL_USE_STD_EXPECTED)
struct include_umbel_src_hpp_in_one_source_file_with_UMBEL_USE_STD_EXPECTED;
using include_umbel_src_hpp_in_one_source_file =
    include_umbel_src_hpp_in_one_source_file_with_UMBEL_USE_STD_EXPECTED;
#else
struct include_umbel_src_hpp_in_one_source_file;
#endif

namespace calling {

/// Opens the site of a client whose calls live in a backend. Lifetime: until boundary::release_handle.
template <class = include_umbel_src_hpp_in_one_source_file>
UMBEL_NEVER_INLINE site open_site(async::new_backend const& made, options const& chosen);
/// The same of a client that goes by what another one goes by.
template <class = include_umbel_src_hpp_in_one_source_file>
UMBEL_NEVER_INLINE site open_site_like(async::new_backend const& made, site const& other);

}  // namespace calling
}  // namespace umbel
