#pragma once
#include <umbel/client.hpp>
