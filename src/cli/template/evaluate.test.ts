import { expect, test } from "bun:test";
import { Template } from "./evaluate.ts";

const data = {
  Id: "0123456789abcdef",
  Name: "/web",
  Config: { Env: ["A=b", "C=d"], Labels: { "com.x": "y", b: "<c>" }, Tty: false, Cmd: null },
  State: { Running: true, ExitCode: 0, Pid: 42 },
  Ports: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }], "443/tcp": null },
  Big: 1795308647492074759n,
};

const run = (template: string) => new Template(template).run(data);
const failure = (template: string): string => {
  try {
    return `no failure: ${run(template)}`;
  } catch (error) {
    return (error as Error).message;
  }
};

test.each([
  ["plain", "plain"],
  ["{{.Name}}", "/web"],
  ["{{ .State.Pid }} {{.State.Running}}", "42 true"],
  ["{{.ID}}", "0123456789abcdef"],
  ["{{.Config.Cmd}}", "<no value>"],
  ["{{.Config.Env}}", "[A=b C=d]"],
  ["{{.Config.Labels}}", "map[b:<c> com.x:y]"],
  ["{{json .Config.Labels}}", '{"com.x":"y","b":"\\u003cc\\u003e"}'],
  ["{{json .Big}} {{.Big}}", "1795308647492074759 1795308647492074759"],
  ["{{.Name | upper | printf `%q`}}", '"/WEB"'],
  ['{{join .Config.Env ","}}', "A=b,C=d"],
  ['{{index .Config.Labels "com.x"}}|{{index .Config.Labels "nope"}}|', "y||"],
  ['{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"],
  ["{{range .Config.Env}}[{{.}}]{{end}}", "[A=b][C=d]"],
  ["{{range $i, $e := .Config.Env}}{{$i}}={{$e}};{{end}}", "0=A=b;1=C=d;"],
  [
    "{{range $p, $b := .Ports}}{{$p}}{{if $b}} -> {{(index $b 0).HostPort}}{{end}} {{end}}",
    "443/tcp 80/tcp -> 8080 ",
  ],
  ["{{range .Config.Cmd}}x{{else}}none{{end}}", "none"],
  ["{{if .Config.Tty}}a{{else if eq .State.Pid 42}}b{{else}}c{{end}}", "b"],
  ["{{with .State}}{{.Pid}} {{$.Name}}{{end}}", "42 /web"],
  ["{{if and .State.Running (not .Config.Tty)}}yes{{end}}", "yes"],
  ["{{or .Config.Cmd .Name}}", "/web"],
  ["{{eq .State.Pid 1 42}} {{ne .Name `x`}} {{lt 1 2}} {{ge 1 2}}", "true true true false"],
  ["{{len .Config.Env}} {{len .Name}}", "2 4"],
  ["{{truncate .Id 4}}|{{pad .Name 1 2}}|{{title `hello world`}}", "0123| /web  |Hello World"],
  ['{{printf "%-8s|%5d|%.3s|%t" .Name .State.Pid .Id true}}', "/web    |   42|012|true"],
  ["{{println .Name 1}}", "/web 1\n"],
  ["a {{- .State.Pid -}} b", "a42b"],
  ["{{/* nothing */}}x", "x"],
  ["{{$x := .Name}}{{$x = `y`}}{{$x}}", "y"],
  ["{{range .Config.Env}}{{if eq . `C=d`}}{{continue}}{{end}}{{.}}{{end}}", "A=b"],
  ['{{slice .Id 0 3}} {{split "a,b" ","}} {{lower "ABC"}}', "012 [a b] abc"],
])("template: %s", (template, text) => {
  expect(run(template)).toBe(text);
});

test.each([
  ["{{.Name", "template: :1: unclosed action"],
  ["{{if .Name}}x", "template: :1: unexpected EOF"],
  ["{{end}}", "template: :1: unexpected {{end}}"],
  ["{{nosuch .Name}}", 'template: :1: function "nosuch" not defined'],
  ["{{.Nope}}", 'template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"'],
  ["{{.State.Pid}} {{.Nope}}", 'template: :1:17: executing "" at <.Nope>: map has no entry for key "Nope"'],
  ["{{.State.Nope.x}}", 'template: :1:8: executing "" at <.State.Nope.x>: map has no entry for key "Nope"'],
  ["{{.Name.x}}", 'template: :1:7: executing "" at <.Name.x>: can\'t evaluate field x in type string'],
])("template: %s fails in Go's words", (template, words) => {
  expect(failure(template)).toBe(words);
});
