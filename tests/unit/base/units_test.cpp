// Units are strict on the way in and exact on the way out.
#include "base/units.hpp"

#include <doctest/doctest.h>

#include "base/cause.hpp"

namespace peerhold {
namespace {

using namespace std::chrono_literals;

TEST_CASE("durations") {
  CHECK(*parse_duration("500ms") == 500ms);
  CHECK(*parse_duration("90s") == 90s);
  CHECK(*parse_duration("2m") == 2min);
  CHECK(*parse_duration("1h") == 1h);
  CHECK(*parse_duration("1d") == 24h);
  CHECK(*parse_duration("0s") == 0s);
  CHECK(*parse_duration("36500d") == 36500 * 24h);
  for (const char* text : {"", "s", "90", "-1s", "+1s", "1.5s", " 1s", "1s ", "1 s", "1S", "1m30s",
                           "1w", "36501d", "9223372036854775808ms", "99999999999999999999999d"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
  CHECK(parse_duration("90").error().text.find("has no unit") != std::string::npos);
  CHECK(parse_duration("-1s").error().text.find("negative") != std::string::npos);
  CHECK(parse_duration("36501d").error().text.find("too much") != std::string::npos);
}

TEST_CASE("durations print in the shortest exact form, and read back") {
  CHECK(format_duration(90s) == "90s");
  CHECK(format_duration(120s) == "2m");
  CHECK(format_duration(1500ms) == "1500ms");
  CHECK(format_duration(48h) == "2d");
  CHECK(format_duration(0ms) == "0s");
  CHECK(format_duration(-1500ms) == "-1500ms");
  for (const Milliseconds d : {1ms, 999ms, 60001ms, 3600000ms, 86400000ms})
    CHECK(*parse_duration(format_duration(d)) == d);
}

TEST_CASE("ages are for people") {
  CHECK(format_age(0ms) == "0s");
  CHECK(format_age(59999ms) == "59s");
  CHECK(format_age(192s) == "3m12s");
  CHECK(format_age(180s) == "3m");
  CHECK(format_age(3600s + 59s) == "1h");
  CHECK(format_age(52h) == "2d4h");
  CHECK(format_age(-5s) == "0s");
}

TEST_CASE("sizes") {
  CHECK(*parse_size("512B") == 512);
  CHECK(*parse_size("64KiB") == 65536);
  CHECK(*parse_size("4MiB") == 4194304);
  CHECK(*parse_size("1GiB") == 1073741824);
  CHECK(*parse_size("18446744073709551615B") == 18446744073709551615ULL);
  for (const char* text : {"", "64", "64K", "64KB", "64kib", "-1B", "1.5MiB",
                           "18446744073709551616B", "17179869184GiB"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text));
  }
  CHECK(format_size(1500) == "1500B");
  CHECK(format_size(1 << 20) == "1MiB");
  CHECK(format_size(0) == "0B");
}

TEST_CASE("delays") {
  CHECK(format_delay(792ms) == "792ms");
  CHECK(format_delay(1s) == "1s");
  CHECK(format_delay(1234ms) == "1.2s");
  CHECK(format_delay(16639ms) == "16.6s");
  CHECK(format_delay(59949ms) == "59.9s");
  CHECK(format_delay(90s) == "1m30s");
}

TEST_CASE("times") {
  CHECK(format_time(WallTime(0s)) == "1970-01-01T00:00:00Z");
  CHECK(format_time(WallTime(1795449603999ms)) == "2026-11-23T16:00:03Z");
  CHECK(format_time(WallTime(-1ms)) == "1969-12-31T23:59:59Z");
  CHECK(format_time(WallTime(951782400s)) == "2000-02-29T00:00:00Z");
}

TEST_CASE("control characters are shown, other UTF-8 is kept") {
  CHECK(escape_control("plain, Größe, \xe2\x80\xa6 \xf0\x9f\x8c\x90") ==
        "plain, Größe, \xe2\x80\xa6 \xf0\x9f\x8c\x90");
  CHECK(escape_control("a\nb\r\t\x1b[31m\x7f") == "a\\nb\\r\\t\\x1b[31m\\x7f");
  CHECK(escape_control(std::string_view("\0", 1)) == "\\x00");
  CHECK(escape_control("\xc2\x9b") == "\\u009b");      // C1: CSI to some terminals
  CHECK(escape_control("\xe2\x80\xae") == "\\u202e");  // right-to-left override
  CHECK(escape_control("\xff"
                       "a\xc0\xaf") == "\\xffa\\xc0\\xaf");
  CHECK(escape_control("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(escape_control("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  CHECK(escape_control("\xe2\x80") == "\\xe2\\x80");                    // cut off
}

TEST_CASE("the nearest known word") {
  const std::vector<std::string> words{"name", "peer", "source", "keychain", "app_mode"};
  CHECK(nearest("nmae", words) == "name");
  CHECK(nearest("per", words) == "peer");
  CHECK(nearest("keychian", words) == "keychain");
  CHECK(nearest("key_chains", words) == "keychain");
  CHECK(nearest("colour", words).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest("peer", {}).empty());
  CHECK(nearest("peer", words) == "peer");
  CHECK(did_you_mean("per", words) == "; did you mean \"peer\"?");
  CHECK(did_you_mean("colour", words).empty());
}

TEST_CASE("causes are scripts' words") {
  CHECK(to_string(Cause::connect_refused) == "connect-refused");
  CHECK(to_string(Cause::user_timeout) == "user-timeout");
  CHECK(to_string(Cause::internal) == "internal");
}

TEST_CASE("results hold a value or an error") {
  const Error error = error_from_errno(EACCES, "cannot open \"x\"", Cause::resource);
  CHECK(error.text == "cannot open \"x\": Permission denied");
  CHECK(error.code == EACCES);
  const Result<int> good = 4, bad = error;
  CHECK(*good == 4);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().cause == Cause::resource);
  CHECK(Result<>());
  CHECK_FALSE(Result<>(error));
}

}  // namespace
}  // namespace peerhold
