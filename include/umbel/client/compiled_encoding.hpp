// compiled_encoding.hpp: the table of functions behind calling::encoding, filled in.
#pragma once

#include <umbel/client/blocking_call.hpp>
#include <umbel/client/by_tips.hpp>
#include <umbel/client/encode_call.hpp>
#include <umbel/client/encode_loaded.hpp>
#include <umbel/client/encode_prefixed.hpp>
#include <umbel/client/encode_transaction.hpp>
#include <umbel/client/learning_batch.hpp>
#include <umbel/client/scan_step.hpp>
#include <umbel/client/split_call.hpp>

namespace umbel::calling {

inline constexpr encoding prefixed_encoding{.encode = &encode_prefixed,
                                            .too_long = &too_long_prefixed,
                                            .take_keyed = &take_keyed_prefixed,
                                            .make = &make_prefixed,
                                            .make_keyed = &make_keyed_prefixed,
                                            .make_words = &make_words_prefixed,
                                            .make_blocking = &make_blocking,
                                            .make_lease = &make_lease,
                                            .check_bare = &check_bare_prefixed,
                                            .learn_first = &learn_first,
                                            .split_part = &split_part,
                                            .make_loaded = &make_loaded,
                                            .arm = &arm,
                                            .make_transaction = &make_learned_transaction,
                                            .make_for_all = &make_for_all,
                                            .make_words_for_all = &make_words_for_all,
                                            .spread = &spread,
                                            .aim = &aim,
                                            .scan = &compiled_scan,
                                            .prefixed = nullptr};
inline constexpr encoding compiled_encoding{.encode = &encode,
                                            .too_long = &too_long,
                                            .take_keyed = &take_keyed,
                                            .make = &make,
                                            .make_keyed = &make_keyed,
                                            .make_words = &make_words,
                                            .make_blocking = &make_blocking,
                                            .make_lease = &make_lease,
                                            .check_bare = &check_bare,
                                            .learn_first = &learn_first,
                                            .split_part = &split_part,
                                            .make_loaded = &make_loaded,
                                            .arm = &arm,
                                            .make_transaction = &make_learned_transaction,
                                            .make_for_all = &make_for_all,
                                            .make_words_for_all = &make_words_for_all,
                                            .spread = &spread,
                                            .aim = &aim,
                                            .scan = &compiled_scan,
                                            .prefixed = &prefixed_encoding};

}  // namespace umbel::calling
