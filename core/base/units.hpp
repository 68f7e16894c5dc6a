// Durations and sizes as the configuration writes them ("90s", "64KiB"), times and escaped text as
// the output prints them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace peerhold {

using Milliseconds = std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

Result<Milliseconds> parse_duration(
    std::string_view);                               // "500ms" "90s" "2m" "1h" "1d"; not negative
std::string format_duration(Milliseconds);           // the shortest exact form: "1m30s" is "90s"
std::string format_age(Milliseconds);                // for people: "3m12s", "2d4h"
std::string format_delay(Milliseconds);              // the same, but "1.2s", "200ms" of a short one
Result<std::uint64_t> parse_size(std::string_view);  // "512B" "64KiB" "4MiB" "1GiB"
std::string format_size(std::uint64_t);              // exact: "1MiB", "1500B"
std::string format_time(WallTime);                   // RFC 3339 in UTC, whole seconds, "…Z"
std::string escape_control(std::string_view);        // \n, \x1b … made visible; UTF-8 kept
std::string quoted(std::string_view);                // the same, in quotes
// The candidate nearest to `word` by edit distance, or empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
// The same as the end of a complaint: `; did you mean "edge1"?`, or empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace peerhold
