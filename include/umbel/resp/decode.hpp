// decode.hpp: turns a reply into the type that was asked for: all that from_reply<T> knows.
#pragma once

#include <umbel/resp/decode_chrono.hpp>
#include <umbel/resp/decode_containers.hpp>
#include <umbel/resp/decode_fields.hpp>
#include <umbel/resp/decode_scalars.hpp>
#include <umbel/resp/from_reply.hpp>
