// configuration PLUGIN.so…: writes docs/configuration.md from the schemas that the loader checks
// with, so that the reference cannot say something else than the program. Run by `make docs`.
#include <cstdio>

#include "config/config.hpp"
#include "plugin/library.hpp"

namespace {

using namespace peerhold;

std::string bound(const Option& option, std::int64_t n) {
  if (option.type == OptionType::duration) return format_duration(Milliseconds(n));
  if (option.type == OptionType::bytes) return format_size(static_cast<std::uint64_t>(n));
  return std::to_string(n);
}

std::string kind(OptionType type) {
  switch (type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      return "number";
    case OptionType::duration:
      return "duration";
    case OptionType::bytes:
      return "size";
    case OptionType::string:
      return "text";
    case OptionType::choice:
      return "one of";
    case OptionType::list:
      return "list";
    case OptionType::table:
      return "table";
    case OptionType::endpoint:
      return "socket";
    case OptionType::tables:
      return "tables";
    case OptionType::real:
      return "number with fraction";
    case OptionType::time:
      return "time with offset";
    case OptionType::map:
      return "names with text";
  }
  return {};
}

// A bar would end the cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string type_of(const Option& option) {
  std::string words;
  for (const std::string& word : option.choices) {
    if (!words.empty()) words += ", ";
    words += "`\"" + word + "\"`";
  }
  if (option.type == OptionType::choice) return words;
  std::string out = kind(option.type);
  if (option.min != 0 || option.max != 0) {
    out += ", " + bound(option, option.min) + " to " + bound(option, option.max);
  }
  return words.empty() ? out : out + ", or " + words;
}

std::string default_of(const Option& option) {
  if (option.required) return "required";
  return option.default_text.empty() ? "none" : "`" + option.default_text + "`";
}

// One table of the file; nested ones follow under names of their own.
void write(const std::string& heading, const Schema& schema) {
  std::printf("\n## `%s`\n\n", heading.c_str());
  if (schema.empty()) {
    std::printf("No options.\n");
    return;
  }
  std::printf("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
  for (const Option& option : schema) {
    if (!option.fields.empty()) continue;
    std::printf("| `%s` | %s | %s | %s |\n", option.name.c_str(), type_of(option).c_str(),
                cell(default_of(option)).c_str(), cell(option.help).c_str());
  }
  const bool many = heading.front() == '[' && heading[1] == '[';
  const std::string inner = heading.substr(many ? 2 : 1, heading.find(']') - (many ? 2 : 1));
  for (const Option& option : schema) {
    if (option.fields.empty()) continue;
    const std::string name = inner + "." + option.name;
    write(option.type == OptionType::tables ? "[[" + name + "]]" : "[" + name + "]", option.fields);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::printf(
      "# Configuration\n\n"
      "Made from the program's own schemas; `etc/peerhold.toml` shows the same in use, and "
      "`peerhold.toml(5)` says\nmore about what belongs together. Durations are `\"500ms\"`, "
      "`\"90s\"`, `\"2m\"`, `\"1h\"`; sizes `\"64KiB\"`, `\"4MiB\"`;\nsockets `\"192.0.2.1:179\"`, "
      "`\"[2001:db8::1]:179\"`, `\"unix:/path\"`.\n");
  write("[keeper]", keeper_schema());
  write("[keychain.NAME]", keychain_schema());
  write("[[session]]", session_schema());
  for (int i = 1; i < argc; ++i) {
    const auto library = Library::load(argv[i]);
    if (!library) {
      std::fprintf(stderr, "%s\n", library.error().text.c_str());
      return 1;
    }
    write("[session." + (*library)->name() + "]", (*library)->facts().schema);
  }
  write("[[listen]]", listen_schema());
  return 0;
}
