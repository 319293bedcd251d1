// options_from_url_impl.hpp: behind options_from_url.hpp.
#pragma once

#include <umbel/client/options_from_url.hpp>
#include <umbel/engine/url_options.hpp>

namespace umbel {

template <class>
result<options> options_from_url(std::string_view text) {
    return engine::options_from_url(text);
}

}  // namespace umbel
