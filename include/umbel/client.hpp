// client.hpp: umbel::client and its commands, for source files that construct a client or send commands, and
// leave the code behind it to another one: to the source file that includes <umbel/src.hpp>, to one that
// includes <umbel.hpp> and constructs a client, or to the CMake target umbel::compiled. It is light: it costs
// a compiler little more than Asio does.
#pragma once

#include <umbel/client/client.hpp>
