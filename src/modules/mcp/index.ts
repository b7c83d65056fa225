export { ListArguments, listQueryOf, NoArguments } from './list-arguments.js';
export { type CallOptions, McpCatalogue } from './mcp-catalogue.js';
export { mcpDoor } from './mcp-door.js';
export { type RunKind, RunKinds, type RunView } from './run-kinds.js';
export {
  Prompt,
  type PromptSpec,
  Resource,
  type ResourceSpec,
  Tool,
  ToolAnswer,
  type ToolCall,
  type ToolHints,
  type ToolSpec,
} from './tools.decorator.js';
export { underPointer } from './under-pointer.js';
