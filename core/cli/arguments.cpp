// Parses the command line and makes the help texts. The only file that knows Boost.Program_options;
// what it throws ends here.
#include <algorithm>
#include <boost/program_options.hpp>
#include <sstream>

#include "base/units.hpp"
#include "cli/command.hpp"
#include "control/protocol.hpp"

namespace peerhold::cli {
namespace {

namespace po = boost::program_options;

constexpr int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
constexpr unsigned help_width = 100;

po::options_description common_options() {
  po::options_description out("Options for all commands", help_width);
  out.add_options()  //
      ("control", po::value<std::string>()->value_name("PATH"),
       "control socket of the keeper ($PEERHOLD_CONTROL, else /run/peerhold/control.sock)")  //
      ("help,h", "this text")                                                                //
      ("version", "the version");
  return out;
}

po::options_description own_options(const Command& command) {
  po::options_description out("Options", help_width);
  for (const OptionSpec& o : command.options) {
    const std::string name(o.name), help(o.help);
    if (o.placeholder.empty()) {
      out.add_options()(name.c_str(), help.c_str());
      continue;
    }
    const std::string placeholder(o.placeholder);
    if (o.many) {
      out.add_options()(name.c_str(),
                        po::value<std::vector<std::string>>()->value_name(placeholder),
                        help.c_str());
    } else {
      out.add_options()(name.c_str(), po::value<std::string>()->value_name(placeholder),
                        help.c_str());
    }
  }
  return out;
}

// The library writes "-c [ --config ] FILE"; everybody else "-c, --config FILE".
std::string text_of(const po::options_description& options) {
  std::ostringstream made;
  made << options;
  std::string out = std::move(made).str();
  for (std::size_t at = 0; (at = out.find(" [ --", at)) != std::string::npos;) {
    const std::size_t end = out.find(" ]", at);
    const std::size_t gap = out.find("  ", end);
    if (gap == std::string::npos) break;
    out.insert(gap, 3, ' ');
    out.erase(end, 2);
    out.replace(at, 3, ", ");
  }
  return out;
}

std::string help_for(const Command& command) {
  std::string out = "Usage: peerhold " + std::string(command.name);
  if (!command.synopsis.empty()) out += " " + std::string(command.synopsis);
  out += "\n\n" + std::string(command.summary) + (command.summary.ends_with('?') ? "\n" : ".\n");
  if (!command.text.empty()) out += "\n" + std::string(command.text) + "\n";
  if (!command.options.empty()) out += "\n" + text_of(own_options(command));
  return out + "\n" + text_of(common_options());
}

// Where among the words the subcommand stands: the first that belongs to no option. Before it only
// the options for all may stand.
struct Found {
  std::size_t at = 0;
  bool any = false, help = false, version = false;
};
Found find_command(const std::vector<std::string>& words) {
  const po::options_description common = common_options();
  const po::positional_options_description nothing;
  const po::parsed_options parsed =
      po::command_line_parser(words).options(common).style(style).allow_unregistered().run();
  Found found;
  for (const auto& option : parsed.options) {
    if (option.position_key >= 0) {
      found.any = true;
      return found;
    }
    found.help |= option.string_key == "help";
    found.version |= option.string_key == "version";
    if (option.unregistered) {
      found.any = true;  // the strict parse of what follows names it
      return found;
    }
    found.at += option.original_tokens.size();
  }
  return found;
}

// The command whose words stand at `at`; the longest name wins ("key list").
const Command* match(const std::vector<std::string>& words, std::size_t at,
                     const std::vector<Command>& all, std::size_t& length) {
  const Command* best = nullptr;
  length = 0;
  for (const Command& command : all) {
    std::size_t n = 0, start = 0;
    const std::string name(command.name);
    bool same = true;
    while (same && start <= name.size()) {
      const std::size_t end = std::min(name.find(' ', start), name.size());
      same = at + n < words.size() && words[at + n] == name.substr(start, end - start);
      ++n;
      start = end + 1;
    }
    if (same && n > length) {
      best = &command;
      length = n;
    }
  }
  return best;
}

std::string list_of(const std::vector<const Command*>& some) {
  std::size_t longest = 0;
  for (const Command* c : some) longest = std::max(longest, c->name.size());
  std::string out;
  for (const Command* c : some)
    out += "  " + std::string(c->name) + std::string(longest + 2 - c->name.size(), ' ') +
           std::string(c->summary) + "\n";
  return out;
}

// The commands of two words that begin with this one ("key").
std::vector<const Command*> family_of(const std::string& word, const std::vector<Command>& all) {
  std::vector<const Command*> out;
  for (const Command& c : all)
    if (c.name.starts_with(word + " ")) out.push_back(&c);
  return out;
}

std::string family_help(const std::string& word, const std::vector<const Command*>& family) {
  return "Usage: peerhold " + word + " COMMAND [OPTIONS]\n\nCommands:\n" + list_of(family) +
         "\n  peerhold " + word + " COMMAND --help      all about one command\n\n" +
         text_of(common_options());
}

std::string unknown_command(const std::string& word, const std::vector<Command>& all) {
  std::vector<std::string> known;
  for (const Command& c : all) known.emplace_back(c.name);
  std::string out = "there is no command \"" + escape_control(word) + "\"";
  std::string family;  // "key" alone
  for (const Command* c : family_of(word, all))
    family += (family.empty() ? "" : ", ") + std::string(c->name);
  if (!family.empty()) return "\"" + word + "\" wants a second word; there is: " + family;
  const std::string near = nearest(word, known);
  if (!near.empty()) return out + "; did you mean \"" + near + "\"?";
  return out + "; `peerhold --help` lists them";
}

// "unrecognised option '--jsn'", with the nearest one that there is.
std::string complaint(const po::error& e, const Command* command) {
  std::string out = e.what();
  const std::string see =
      command ? "peerhold " + std::string(command->name) + " --help" : "peerhold --help";
  const auto* unknown = dynamic_cast<const po::unknown_option*>(&e);
  if (unknown && command) {
    std::vector<std::string> known{"--control", "--help", "--version"};
    for (const OptionSpec& o : command->options)
      known.push_back("--" + std::string(o.name.substr(0, o.name.find(','))));
    out = "there is no option " + escape_control(unknown->get_option_name());
    const std::string near = nearest(unknown->get_option_name(), known);
    if (!near.empty()) out += "; did you mean " + near + "?";
  }
  return escape_control(out) + (out.back() == '?' ? " See `" : "; see `") + see + "`";
}

void parse_for(const Command& command, const std::vector<std::string>& words, Parsed& out) {
  po::options_description visible = common_options();
  visible.add(own_options(command));
  po::options_description every;
  every.add(visible);
  every.add_options()("names", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("names", -1);
  po::variables_map map;
  po::store(po::command_line_parser(words).options(every).positional(positional).style(style).run(),
            map);
  for (const auto& [key, value] : map) {
    auto& values = out.arguments.options[key];
    if (const auto* many = boost::any_cast<std::vector<std::string>>(&value.value()))
      values = *many;
    else if (const auto* one = boost::any_cast<std::string>(&value.value()))
      values = {*one};
  }
  if (auto names = out.arguments.options.extract("names")) out.arguments.names = names.mapped();
}

}  // namespace

std::string Arguments::value(std::string_view option, std::string otherwise) const {
  const auto found = options.find(option);
  return found == options.end() || found->second.empty() ? otherwise : found->second.back();
}

std::vector<std::string> Arguments::values(std::string_view option) const {
  const auto found = options.find(option);
  return found == options.end() ? std::vector<std::string>() : found->second;
}

std::string program_help(const std::vector<Command>& all) {
  std::string out =
      "Usage: peerhold COMMAND [OPTIONS]\n\n"
      "Keeps TCP connections to peers that demand TCP-MD5 signatures, for programs that know "
      "nothing\n"
      "of them, and keeps them up while those programs come and go.\n\nCommands:\n";
  std::vector<const Command*> every;
  for (const Command& c : all) every.push_back(&c);
  out += list_of(every);
  out +=
      "\nExamples:\n"
      "  peerhold check -c peerhold.toml      is the configuration right?\n"
      "  peerhold run -c peerhold.toml        run a keeper in the foreground\n"
      "  peerhold status                      how are the sessions?\n"
      "  peerhold COMMAND --help              all about one command\n\n";
  return out + text_of(common_options());
}

Parsed parse_command_line(const std::vector<std::string>& words, const std::vector<Command>& all,
                          const std::string& environment_control, std::string_view version) {
  Parsed out;
  const Command* command = nullptr;
  try {
    // `help` and `help COMMAND` are typed out of habit.
    if (!words.empty() && words.front() == "help") {
      std::vector<std::string> asked(words.begin() + 1, words.end());
      asked.emplace_back("--help");
      return parse_command_line(asked, all, environment_control, version);
    }
    const Found found = find_command(words);
    if (found.help || words.empty()) {
      (found.help ? out.help : out.error) = program_help(all);
      return out;
    }
    if (!found.any && !found.version) {
      out.error = "no command is given; `peerhold --help` lists them";
      return out;
    }
    if (found.version) {
      out.help = "peerhold " + std::string(version) + "\n";
      return out;
    }
    std::size_t length = 0;
    command = match(words, found.at, all, length);
    if (!command) {
      const std::string& word = words[found.at];
      const std::string next = found.at + 1 < words.size() ? words[found.at + 1] : "";
      const auto family = family_of(word, all);
      if (!family.empty() && (next == "--help" || next == "-h")) {
        out.help = family_help(word, family);
        return out;
      }
      out.error = word.size() > 1 && word.front() == '-'
                      ? "unknown option " + escape_control(word) +
                            " before the command; a command's own options stand after it"
                      : unknown_command(word, all);
      return out;
    }
    std::vector<std::string> rest = words;
    const auto first = rest.begin() + static_cast<std::ptrdiff_t>(found.at);
    rest.erase(first, first + static_cast<std::ptrdiff_t>(length));
    parse_for(*command, rest, out);
    if (out.arguments.has("help")) {
      out.help = help_for(*command);
      return out;
    }
    if (out.arguments.has("version")) {
      out.help = "peerhold " + std::string(version) + "\n";
      return out;
    }
    const std::size_t n = out.arguments.names.size();
    if (n < command->min_names || n > command->max_names) {
      out.error =
          n < command->min_names
              ? "something is missing"
              : "\"" + escape_control(out.arguments.names[command->max_names]) + "\" is too much";
      out.error +=
          "; usage: peerhold " + std::string(command->name) + " " + std::string(command->synopsis);
      return out;
    }
    out.command = command;
    out.arguments.control_given = out.arguments.has("control");
    out.arguments.control = out.arguments.value("control", environment_control.empty()
                                                               ? std::string(default_control_path)
                                                               : environment_control);
    if (out.arguments.control.empty()) {
      out.command = nullptr;
      out.error = "--control needs a path";
    }
  } catch (const po::error& e) {
    out = {};
    out.error = complaint(e, command);
  }
  return out;
}

}  // namespace peerhold::cli
