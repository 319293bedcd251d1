// compiled_encoding.hpp: the table of functions behind calling::encoding, filled in.
#pragma once

#include <umbel/client/encode_call.hpp>
#include <umbel/client/encode_loaded.hpp>
#include <umbel/client/encode_transaction.hpp>

namespace umbel::calling {

inline constexpr encoding compiled_encoding{.encode = &encode,
                                            .too_long = &too_long,
                                            .take_keyed = &take_keyed,
                                            .make = &make,
                                            .make_keyed = &make_keyed,
                                            .make_words = &make_words,
                                            .check_bare = &check_bare,
                                            .make_loaded = &make_loaded,
                                            .make_transaction = &make_transaction};

}  // namespace umbel::calling
