// open_site_impl.hpp: behind open_site.hpp: how the calls of a client find their backend and their code.
// What kind of backend it is does not matter to it.
#pragma once

#include <umbel/async/compiled_boundary.hpp>
#include <umbel/client/compiled_encoding.hpp>
#include <umbel/client/open_site.hpp>
#include <umbel/engine/url_options.hpp>

namespace umbel::calling {

template <class>
site open_site(async::new_backend const& made, options const& given) {
    // What the URLs among the seeds say. Where they are bad, `made` says so.
    result<options> const told = engine::with_urls(given);
    options const& chosen = told ? *told : given;
    site opened;
    opened.argument_bytes_max = chosen.argument_bytes_max;
    opened.learns = chosen.learn_commands && chosen.handshake != umbel::handshake::minimal;
    opened.waiting_max = chosen.waiting_max;
    opened.lease_slack = saturated(chosen.lease_slack);
    opened.options = {.reads = chosen.read_from, .deadline = saturated(chosen.deadline)};
    opened.code = &compiled_encoding;
    return open_site_like(made, opened);
}

template <class>
site open_site_like(async::new_backend const& made, site const& other) {
    site opened = other;
    opened.wrong = made.wrong;
    opened.unusable = made.wrong.has_value();
    opened.owner = &async::client_handles::acquire(*made.owned, async::compiled_boundary);
    opened.generation = opened.owner->generation.load(std::memory_order_acquire);
    return opened;
}

}  // namespace umbel::calling
