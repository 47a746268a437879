import { average, correlation, stddevSamp, stddevSample } from "./aggregate/average.js";
import { earliestByOffset, latestByOffset } from "./aggregate/by-offset.js";
import { attr, collectList, collectSet, countDistinct, histogram } from "./aggregate/collect.js";
import { count } from "./aggregate/count.js";
import { max, min, topk, topkDistinct } from "./aggregate/extremes.js";
import { sum } from "./aggregate/sum.js";
import { sumList } from "./aggregate/sum-list.js";
import { FunctionRegistry } from "./registry.js";
import { collectionFunctions } from "./scalar/collections.js";
import { generalFunctions } from "./scalar/general.js";
import { jsonFunctions } from "./scalar/json.js";
import { mathFunctions } from "./scalar/math.js";
import { regexpFunctions } from "./scalar/regexp.js";
import { stringFunctions } from "./scalar/string.js";
import { timeFunctions } from "./scalar/time.js";
import { urlFunctions } from "./scalar/url.js";
import { tableFunctions } from "./table/explode.js";

/** The functions that come with the product. */
export const builtInFunctions = new FunctionRegistry(
  [
    ...mathFunctions,
    ...stringFunctions,
    ...regexpFunctions,
    ...collectionFunctions,
    ...generalFunctions,
    ...jsonFunctions,
    ...timeFunctions,
    ...urlFunctions,
    ...tableFunctions,
  ],
  [
    attr,
    average,
    collectList,
    collectSet,
    correlation,
    count,
    countDistinct,
    earliestByOffset,
    histogram,
    latestByOffset,
    max,
    min,
    stddevSamp,
    stddevSample,
    sum,
    sumList,
    topk,
    topkDistinct,
  ],
);
