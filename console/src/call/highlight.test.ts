import { expect, test } from "vitest";
import { highlighted } from "./highlight";

test("the gate's phrases are marked in what was said, as whole words", () => {
  expect(highlighted("Can I take Antibiotics now?", ["antibiotic*"])).toEqual([
    ["Can I take ", false],
    ["Antibiotics", true],
    [" now?", false],
  ]);
  expect(highlighted("An aspirins (sic) person", ["aspirin", "a (b"])).toEqual([["An aspirins (sic) person", false]]);
  expect(highlighted("pain  medication", ["pain medication", ""])).toEqual([["pain  medication", true]]);
  expect(highlighted("hello", [])).toEqual([["hello", false]]);
});
