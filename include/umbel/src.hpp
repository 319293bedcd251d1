// src.hpp: all code of umbel, compiled here, for a program whose other source files include
// <umbel/client.hpp>:
//
//     #include <umbel/src.hpp>
//
// in one source file, which has nothing else in it. <umbel.hpp> has the same code, of which each source file
// compiles what it uses.
#pragma once

#include <umbel/client.hpp>
#include <umbel/client/make_backend_impl.hpp>
#include <umbel/client/multi_client_impl.hpp>
#include <umbel/client/open_site_impl.hpp>
#include <umbel/client/options_from_url_impl.hpp>

namespace umbel::calling {

template async::new_backend make_backend<include_umbel_src_hpp_in_one_source_file>(
    std::vector<asio::any_io_executor> executors, options const& chosen, cluster::policy const& policy,
    std::shared_ptr<observer> watching);
template site open_site<include_umbel_src_hpp_in_one_source_file>(async::new_backend const& made,
                                                                  options const& chosen);
template site open_site_like<include_umbel_src_hpp_in_one_source_file>(async::new_backend const& made,
                                                                       site const& other);
template std::shared_ptr<multi_core> make_members<include_umbel_src_hpp_in_one_source_file>(
    member_maker const& make, multi_options const& chosen, cluster::policy const& policy,
    std::shared_ptr<multi_observer> watching);

}  // namespace umbel::calling

namespace umbel {

template result<options> options_from_url<include_umbel_src_hpp_in_one_source_file>(std::string_view text);

}  // namespace umbel
